/** What a config says of models and destinations: addresses that can be called, bindings that can be bound. */
import { checkEndpointUrl } from "../core/classify/endpoint-url.ts";
import type { ModelDefinition } from "../models/port.ts";
import { checkEndpoints } from "./check-limits.ts";
import { checkBinding, checkBindings } from "./check-names.ts";
import { ConfigError } from "./config-error.ts";
import type { DestinationDefinition } from "./define-destination.ts";

export function checkModel(name: string, model: ModelDefinition): void {
  const key = `models.${name}`;
  checkEndpoints(name, model.regional ?? []);
  const keys = [...(model.apiKey === undefined ? [] : [model.apiKey]), ...(model.nextApiKeys ?? [])];
  if (keys.length > 0) checkBindings(`${key}.apiKey`, keys);
  if (model.baseUrl !== undefined) checkUrl(`${key}.baseUrl`, model.baseUrl);
}

export function checkDestination(name: string, destination: DestinationDefinition): void {
  const key = `destinations.${name}`;
  if (destination.kind === "queue") {
    const mend = 'Name the producer binding of a queue in wrangler.toml, as in "RESULTS_QUEUE"';
    checkBinding(`${key}.binding`, destination.binding, mend);
    return;
  }
  checkUrl(`${key}.url`, destination.url);
  checkBindings(`${key}.secret`, [destination.secret]);
  const { timeoutMs } = destination;
  if (timeoutMs === undefined || (Number.isFinite(timeoutMs) && timeoutMs > 0)) return;
  throw new ConfigError(`${key}.timeoutMs`, `${timeoutMs} is not a time`, "Use milliseconds above 0");
}

/** A URL that is written out is judged now; a variable's value when it is known (`/readyz`). */
export function checkUrl(key: string, url: string | { readonly variable: string }): void {
  if (typeof url !== "string") {
    checkBinding(
      key,
      url.variable,
      'Name the variable that holds the address, as in { variable: "CRM_URL" }',
    );
    return;
  }
  const checked = checkEndpointUrl(url);
  if (checked.ok) return;
  throw new ConfigError(key, checked.error, 'Use a whole address, as in "https://crm.example.com/hook"');
}
