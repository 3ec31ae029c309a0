/**
 * What `/readyz` says: which parts of the config still lack a secret or a variable. A missing one never keeps
 * the Worker from being deployed; it puts the part that needs it out of order, and says so here.
 */
import type { GatewayConfig, TraceOptions } from "../config/define-gateway.ts";
import { bindingSuffix } from "../platform/jurisdictions.ts";

export interface Readiness {
  readonly status: "ready" | "incomplete";
  /** What is missing, by the part of the config that needs it. Names of bindings, never values. */
  readonly missing: readonly { readonly part: string; readonly binding: string; readonly effect: string }[];
}

export function readinessOf(config: GatewayConfig, text: (name: string) => string | undefined): Readiness {
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
          ? []
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
  return { status: missing.length === 0 ? "ready" : "incomplete", missing };
}

function bindingsOfTraces({ endpoint, headers = {} }: TraceOptions): string[] {
  return [...(typeof endpoint === "string" ? [] : [endpoint.variable]), ...Object.values(headers)];
}
