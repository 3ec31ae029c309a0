/** What a config says of traces and alerts. */
import { checkUrl } from "./check-endpoints.ts";
import { checkBindings } from "./check-names.ts";
import { DEFAULT_RULES } from "../core/alerts/rules.ts";
import { ConfigError } from "./config-error.ts";
import { didYouMean } from "./did-you-mean.ts";
import type { AlertOptions, TraceOptions } from "./gateway-options.ts";

export function checkTraces(traces: TraceOptions | undefined): TraceOptions | null {
  if (traces === undefined) return null;
  const { headers = {}, sampleShare = 1 } = traces;
  const bindings = Object.values(headers);
  if (bindings.length > 0) checkBindings("traces.headers", bindings);
  checkUrl("traces.endpoint", traces.endpoint);
  if (!(sampleShare >= 0 && sampleShare <= 1)) {
    throw new ConfigError("traces.sampleShare", `${sampleShare} is no share`, "Use 0 to 1");
  }
  return traces;
}

const RULES_WITH_MARGIN = Object.entries(DEFAULT_RULES).flatMap(([name, { limit }]) =>
  limit.kind === "baseline" ? name : [],
);

function checkRule(key: string, rule: string, known: readonly string[]): void {
  if (known.includes(rule)) return;
  throw new ConfigError(
    key,
    `there is no such rule${didYouMean(rule, known)}`,
    `Use one of: ${known.join(", ")}`,
  );
}

export function checkAlerts(alerts: AlertOptions = { webhooks: [] }): AlertOptions {
  for (const [at, webhook] of alerts.webhooks.entries()) {
    checkUrl(`alerts.webhooks[${at}].url`, webhook.url);
    if (webhook.format === "standard") checkBindings(`alerts.webhooks[${at}].secret`, [webhook.secret]);
  }
  for (const [rule, above] of Object.entries(alerts.above ?? {})) {
    checkRule(`alerts.above.${rule}`, rule, Object.keys(DEFAULT_RULES));
    if (above === false || above >= 0) continue;
    throw new ConfigError(`alerts.above.${rule}`, `${above} is no limit`, "Use 0 or more, or false");
  }
  for (const [rule, margin] of Object.entries(alerts.margin ?? {})) {
    checkRule(`alerts.margin.${rule}`, rule, RULES_WITH_MARGIN);
    if (margin > 1) continue;
    throw new ConfigError(
      `alerts.margin.${rule}`,
      `${margin} would tell of what is usual`,
      "Use more than 1",
    );
  }
  return alerts;
}
