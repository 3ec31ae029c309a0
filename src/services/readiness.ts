/**
 * What `/readyz` says: which parts of the config lack a secret or a variable, and which have one that cannot work. A missing
 * one does not keep the Worker from being deployed: the part that needs it is out of order, and this says so. A wrong one
 * does: `sluice setup` and `sluice deploy` refuse it. Names of bindings, never values.
 */
import type { GatewayConfig, TraceOptions } from "../config/gateway-options.ts";
import { checkEndpointUrl, isLoopback } from "../core/classify/endpoint-url.ts";
import { parseSigningKeys } from "../destinations/webhook-signature.ts";
import { isUsableSecret } from "../ingest/keys.ts";
import { bindingSuffix } from "../platform/jurisdictions.ts";

export interface Readiness {
  readonly status: "ready" | "incomplete";
  /** What is missing, by the part of the config that needs it. */
  readonly missing: readonly { readonly part: string; readonly binding: string; readonly effect: string }[];
  /** What is there and cannot work. */
  readonly wrong: readonly Wrong[];
}

export interface Wrong {
  readonly part: string;
  /** The binding; absent where the config has the value itself. */
  readonly binding?: string;
  /** What is wrong and what it should be, as in "is no URL". Quotes no value. */
  readonly problem: string;
}

/** What is bound, as far as the asker can see. */
export interface Bound {
  /** Whether there is a value, a queue or a namespace under this name. */
  has(name: string): boolean;
  /** The value, where it can be read: not what lies in the Secrets Store, nor, for `sluice setup`, a secret that is set. */
  value(name: string): string | undefined;
}

/** @param isDeployed on Cloudflare: nothing answers at an address of this machine there */
export function readinessOf(config: GatewayConfig, bound: Bound, isDeployed: boolean): Readiness {
  const text = (name: string): string | undefined => (bound.has(name) ? name : undefined);
  const needs = [
    ...[...config.sources].map(([name, source]) => ({
      part: `sources.${name}`,
      // One of several active secrets is enough to verify with.
      bindings: source.verify.secrets.some((secret) => text(secret) !== undefined)
        ? []
        : source.verify.secrets,
      effect: `POST /in/${name} answers 503`,
    })),
    ...[...config.sources].map(([name, source]) => ({
      part: `sources.${name}`,
      bindings: source.verify.handshakeTokens ?? [],
      effect: `GET /in/${name} answers 503 until the sender's handshake can be checked`,
    })),
    ...[...config.sources].map(([name, source]) => ({
      part: `sources.${name}`,
      bindings: source.verify.keyClientId === undefined ? [] : [source.verify.keyClientId],
      effect: `POST /in/${name} answers 503`,
    })),
    ...[...config.sources].map(([name, { idempotency, jurisdiction }]) => ({
      part: `sources.${name}.idempotency`,
      // Nobody asked for the default: a deployment of before has no such namespace, and lacks nothing else.
      bindings: idempotency === "results" ? [`IDEMPOTENCY${bindingSuffix(jurisdiction)}`] : [],
      effect: "duplicates are answered by their partition alone",
    })),
    ...[...config.models].map(([name, model]) => ({
      part: `models.${name}`,
      // One of several keys is enough: the others are there while one is rotated.
      bindings: [
        ...((model.nextApiKeys ?? []).some((key) => text(key) !== undefined) ? [] : [model.apiKey]),
        ...(model.variables ?? []),
      ].flatMap((binding) => binding ?? []),
      effect: "events that need this model wait",
    })),
    ...[...config.models].flatMap(([name, { regional = [], variables = [] }]) =>
      regional.map(({ region, definition }) => ({
        part: `models.${name}.endpoints.${region}`,
        // What the model itself needs is told once, above.
        bindings: (definition.variables ?? []).filter((variable) => !variables.includes(variable)),
        effect: "calls go to the next nearest endpoint",
      })),
    ),
    ...[...config.destinations].map(([name, destination]) => ({
      part: `destinations.${name}`,
      bindings:
        destination.kind === "queue"
          ? [destination.binding]
          : [destination.secret, ...(typeof destination.url === "string" ? [] : [destination.url.variable])],
      effect: "deliveries to it wait",
    })),
    {
      part: "traces",
      bindings: config.traces === null ? [] : bindingsOfTraces(config.traces),
      effect: "no spans are exported",
    },
    ...config.alerts.webhooks.map((webhook, index) => ({
      part: `alerts.webhooks[${index}]`,
      bindings: [
        ...(typeof webhook.url === "string" ? [] : [webhook.url.variable]),
        ...(webhook.format === "standard" ? [webhook.secret] : []),
      ],
      effect: "it is told of no alert",
    })),
    {
      part: "api.tokens",
      bindings: config.apiTokens.some((token) => text(token) !== undefined) ? [] : config.apiTokens,
      effect: "/v1 answers 503",
    },
  ];
  const missing = needs.flatMap(({ part, bindings, effect }) =>
    bindings.filter((binding) => text(binding) === undefined).map((binding) => ({ part, binding, effect })),
  );
  const wrong = [...wrongSecrets(config, bound), ...wrongUrls(config, bound, isDeployed)];
  return { status: missing.length + wrong.length === 0 ? "ready" : "incomplete", missing, wrong };
}

function wrongSecrets(config: GatewayConfig, bound: Bound): Wrong[] {
  const ofSources = [...config.sources].flatMap(([name, { verify }]) =>
    verify.secrets.flatMap((binding) => {
      const value = bound.value(binding);
      if (value === undefined || isUsableSecret(verify.scheme, value)) return [];
      const problem = `is no secret of ${verify.scheme.name}: paste it as the sender shows it`;
      return [{ part: `sources.${name}`, binding, problem }];
    }),
  );
  const ofDestinations = [...config.destinations].flatMap(([name, destination]) => {
    const value = destination.kind === "http" ? bound.value(destination.secret) : undefined;
    const parsed = value === undefined ? null : parseSigningKeys(value);
    if (destination.kind !== "http" || parsed === null || parsed.ok) return [];
    return [{ part: `destinations.${name}`, binding: destination.secret, problem: parsed.error }];
  });
  return [...ofSources, ...ofDestinations];
}

function wrongUrls(config: GatewayConfig, bound: Bound, isDeployed: boolean): Wrong[] {
  const called = [
    ...[...config.models].map(([name, { baseUrl }]) => ({ part: `models.${name}`, url: baseUrl })),
    ...[...config.destinations].map(([name, destination]) => ({
      part: `destinations.${name}`,
      url: destination.kind === "http" ? destination.url : undefined,
    })),
  ];
  return called.flatMap(({ part, url }) => {
    if (url === undefined) return [];
    const value = typeof url === "string" ? url : bound.value(url.variable);
    const problem = value === undefined ? null : problemOfUrl(value, isDeployed);
    if (problem === null) return [];
    return [typeof url === "string" ? { part, problem } : { part, binding: url.variable, problem }];
  });
}

function problemOfUrl(text: string, isDeployed: boolean): string | null {
  const url = checkEndpointUrl(text, { allowPlainHttp: true });
  if (!url.ok) return url.error;
  if (!isDeployed || !isLoopback(url.value)) return null;
  return "is an address of this machine, where nothing answers on Cloudflare: set the real one";
}

function bindingsOfTraces({ endpoint, headers = {} }: TraceOptions): string[] {
  return [...(typeof endpoint === "string" ? [] : [endpoint.variable]), ...Object.values(headers)];
}
