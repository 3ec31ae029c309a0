/** What a config may say, and what it is once it has been checked. Types alone. */
import type { Priority } from "../core/policy.ts";
import type { LaneLimits } from "../core/shedding.ts";
import type { RuleChanges } from "../core/alerts/rules.ts";
import type { StartLimits } from "../core/stream/start-index.ts";
import type { ModelDefinition } from "../models/port.ts";
import type { Budget, Budgets } from "./budget.ts";
import type { DestinationDefinition } from "./define-destination.ts";
import type { Pipeline } from "./define-pipeline.ts";
import type { Source } from "./define-source.ts";

export interface GatewayOptions {
  /** By the name in the URL: `/in/<name>`. */
  readonly sources: Readonly<Record<string, Source>>;
  /** Pipelines that no route names, because other pipelines emit to them. Routed ones are found by themselves. */
  readonly pipelines?: readonly Pipeline<never>[];
  /** By the name that pipelines and `POST /v1/streams` use. */
  readonly models: Readonly<Record<string, ModelDefinition>>;
  readonly destinations: Readonly<Record<string, DestinationDefinition>>;
  /**
   * How many events may wait in a lane. From there on low ones are refused with a 503, deeper also normal ones, at
   * twice the number all. Default: 100 000 each.
   */
  readonly lanes?: Readonly<Partial<Record<Priority, { readonly maxBacklog: number }>>>;
  /** By space (a source's `space`, else its name): what its customers' events together may cost a day. */
  readonly spaceBudgets?: Readonly<Record<string, Budget>>;
  readonly api?: {
    /** Bindings that hold bearer tokens for `/v1`. Default: `SLUICE_API_TOKEN`. */
    readonly tokens?: readonly string[];
    /** Bindings that hold bearer tokens for `/admin/v1` with every scope, to make others with. Default: `SLUICE_ADMIN_TOKEN`. */
    readonly adminTokens?: readonly string[];
    /**
     * Web pages that may read streams: `https://app.example.com`, `*`, or `{ variable: "PAGE_ORIGIN" }`, so that environments
     * can differ. Default: none but the gateway's own.
     */
    readonly corsOrigins?: readonly CorsOrigin[];
    /**
     * Where browsers reach the gateway: `https://gateway.example.com`, or `{ variable: "PUBLIC_ORIGIN" }`. The addresses of
     * streams begin with it. Default, and while the variable is not set: the origin of the request that asks, which a
     * caller can choose where no platform routes by host.
     */
    readonly publicOrigin?: CorsOrigin;
    /**
     * Streams that may be started and be open: per user (as `user` in `POST /v1/streams` names it; default 30 a minute and 10 at
     * once) and per API token (default: not counted).
     */
    readonly streamLimits?: Partial<StreamLimitsByKey>;
  };
  readonly ledger?: {
    /**
     * What becomes of events that went well. `rows` (default): found like any other, about four rows of D1 per event.
     * `packed`: hundreds to a row; listed and filtered as well, more slowly, and not found by id once their partition has
     * forgotten them. `none`: counted in the rollups, and read by their id as long as their partition keeps them. Exceptions are always rows.
     */
    readonly successes?: LedgerSuccesses;
    /** How long successes can be found. Default: 30. */
    readonly retainDays?: number;
  };
  /** Default: traces are not exported. */
  readonly traces?: TraceOptions;
  /** Default: alerts are stored and logged, and nobody is told. */
  readonly alerts?: AlertOptions;
}

export interface AlertOptions extends RuleChanges {
  /** Who is told. `standard`: a signed event, as deliveries are (Standard Webhooks); `slack`: an incoming webhook of Slack's. */
  readonly webhooks: readonly AlertWebhook[];
  /** What the gateway is called where several tell the same people. Default: `sluice`. */
  readonly service?: string;
  /** Where runbooks are read. Default: this project's own docs/operations.md. */
  readonly runbooks?: string;
}

export type AlertWebhook =
  /** The URL is a secret itself: name the binding that holds it. */
  | { readonly format: "slack"; readonly url: { readonly variable: string } }
  | {
      readonly format: "standard";
      readonly url: string | { readonly variable: string };
      /** The binding of a `whsec_…` secret. */
      readonly secret: string;
    };

export interface TraceOptions {
  /** Where an OpenTelemetry collector takes traces over HTTP: `https://otlp.example.com/v1/traces`. */
  readonly endpoint: string | { readonly variable: string };
  /** Request headers by name: the bindings that hold their values, as in `{ authorization: "OTLP_AUTHORIZATION" }`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Part of the traces that is recorded, 0 to 1. Default: all of them. */
  readonly sampleShare?: number;
  /** Default: `sluice`. */
  readonly serviceName?: string;
}

export type LedgerSuccesses = "rows" | "packed" | "none";

export interface StreamLimitsByKey {
  readonly perUser: StartLimits;
  readonly perToken?: StartLimits;
}

export type CorsOrigin = string | { readonly variable: string };

/** A checked config. `pipelines` holds every routed or listed pipeline once, by name. */
export interface GatewayConfig {
  readonly sources: ReadonlyMap<string, Source>;
  readonly pipelines: ReadonlyMap<string, Pipeline<never>>;
  readonly models: ReadonlyMap<string, ModelDefinition>;
  readonly destinations: ReadonlyMap<string, DestinationDefinition>;
  readonly lanes: LaneLimits;
  readonly budgets: Budgets;
  readonly apiTokens: readonly string[];
  readonly adminTokens: readonly string[];
  readonly ledger: { readonly successes: LedgerSuccesses; readonly retainDays: number };
  readonly traces: TraceOptions | null;
  readonly alerts: AlertOptions;
  readonly corsOrigins: readonly CorsOrigin[];
  readonly publicOrigin: CorsOrigin | null;
  readonly streamLimits: StreamLimitsByKey;
}
