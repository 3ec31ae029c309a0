/** What ingest needs from outside. `services.ts` provides it; tests provide stand-ins. */
import type { Source } from "../config/define-source.ts";
import type { EventEnvelope } from "../core/envelope.ts";
import type { EventId, Jurisdiction } from "../core/ids.ts";
import type { KnownEnd } from "../core/idempotency.ts";
import type { JsonValue } from "../core/json.ts";
import type { EventState } from "../core/partition/model.ts";
import type { Priority } from "../core/policy.ts";
import type { BodyMemory } from "../platform/body-memory.ts";
import type { ReadSecret } from "../platform/secrets.ts";
import type { PutBody } from "../platform/stored-bodies.ts";
import type { Logger } from "../telemetry/log.ts";
import type { Decide } from "../sync/port.ts";
import type { Admit } from "./flood.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { Tracer } from "../telemetry/tracer.ts";

export type AppendOutcome =
  /** Durable now. */
  | { readonly id: EventId; readonly status: "queued"; readonly order?: "suspended" }
  /** Durable before. `state` and `result` are what the first one came to, where that is known. */
  | {
      readonly id: EventId;
      readonly status: "duplicate";
      readonly state?: EventState;
      readonly result?: JsonValue;
      readonly order?: "suspended";
    }
  /** Not durable: shed, or pushed back. The sender is asked to come again. */
  | { readonly id: EventId; readonly status: "refused"; readonly reason: string };

export interface RequestTraces extends Pick<Tracer, "request"> {
  /** Whether a trace is recorded from here on. */
  isSampled(traceId: string): boolean;
}

export interface IngestDependencies {
  readonly sources: ReadonlyMap<string, Source>;
  /** The value of a secret binding; undefined when it is not set. */
  readonly secret: ReadSecret;
  /** Write-once, under a key that holds the body's digest. */
  readonly putBody: PutBody;
  /** Room for bodies that are not small, together. */
  readonly bodyMemory: BodyMemory;
  /**
   * The durable write: a lane, or the partition itself where the order is strict. One outcome per envelope;
   * "queued" or "duplicate" only for what is durable. A throw means that nothing is known.
   */
  readonly append: (envelopes: readonly EventEnvelope[]) => Promise<readonly AppendOutcome[]>;
  /**
   * The idempotency cache: what these events of one source came to, in their order; null unless all of them are known.
   * Never throws, never takes long. Absent: there is none.
   */
  readonly lookUp?: (source: string, ids: readonly EventId[]) => Promise<readonly KnownEnd[] | null>;
  /** For events of sync routes, instead of `append`. */
  readonly decide: Decide;
  /** Flood protection. A refused request is answered 429 before its body is read. Absent: nothing is limited. */
  readonly admit?: Admit | undefined;
  /** Whether lanes are so deep that events of these priorities, which come together, are left with their sender. */
  readonly sheds?: (priorities: readonly Priority[]) => boolean;
  readonly nowMs: () => number;
  readonly randomBytes: (count: number) => Uint8Array;
  readonly logger: Logger;
  /** Absent: nothing is counted. */
  readonly metricsOf?: (jurisdiction: Jurisdiction) => Metrics;
  /** Absent: requests are not traced, and the sender's own word on sampling is passed on. */
  readonly traces?: RequestTraces;
  readonly waitUntil: (work: Promise<unknown>) => void;
  /** For certificates and subscriptions of senders that ask for it, at their own hosts alone. Default: the platform's. */
  readonly fetch?: typeof fetch;
}

export interface RegisteredType {
  readonly source: string;
  readonly type: string;
  /** One, without a name, where the type has no versions. `schema` is a JSON Schema. */
  readonly versions: readonly { readonly version: string | null; readonly schema: unknown }[];
}

export interface SchemaRegistry {
  all(): readonly RegisteredType[];
}
