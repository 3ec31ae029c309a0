/**
 * Sources: who sends, how it is proven, what an event means and where it goes. The zod schema of each
 * event type gives the type of the payload in `when`, `partitionBy`, `priority` and `filter`, and must
 * fit the input of the pipeline it is routed to.
 */
import * as z from "zod";
import { checkShape } from "./check-shape.ts";
import type { EventSchemas, OutputOf } from "./event-schemas.ts";
import type { LocationHint } from "../core/homes.ts";
import type { IdempotencyMode } from "../core/idempotency.ts";
import type { Jurisdiction } from "../core/ids.ts";
import type { JsonValue } from "../core/json.ts";
import type { EventPolicy, Priority, Quota } from "../core/policy.ts";
import type { Verification } from "../ingest/scheme.ts";
import type { Pipeline } from "./define-pipeline.ts";
import { ROUTE_SHAPE, SOURCE_SHAPE } from "./shapes.ts";

/** A verified, parsed event, before it is durable. */
export interface IncomingEvent<Payload> {
  readonly type: string;
  readonly payload: Payload;
  /** Only the headers that the scheme keeps, names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
}

export type PayloadOf<Schemas extends EventSchemas> = {
  [Type in keyof Schemas]: OutputOf<Schemas[Type]>;
}[keyof Schemas];

interface CommonRouteOptions<Payload> {
  /** Only events for which this is true. A function that throws quarantines the event. */
  when?(event: IncomingEvent<Payload>): boolean;
  /** Over the source's. A function that throws quarantines the event. */
  readonly priority?: PriorityBy<Payload>;
  readonly policy?: Partial<EventPolicy>;
}

/** A lane, or a function that says which. */
export type PriorityBy<Payload> = Priority | ((event: IncomingEvent<Payload>) => Priority);
export type RouteOptions<Payload, Body extends JsonValue = JsonValue> = CommonRouteOptions<Payload> &
  (
    | {
        /** Answered when the event is durable; worked on after that. */
        readonly mode?: "async";
      }
    | SyncRoute<Body>
  );

/** The sender waits, and is answered with what the pipeline's `format` returns as `body`. docs/spec/decision.md */
export interface SyncRoute<Body extends JsonValue = JsonValue> {
  readonly mode: "sync";
  /** From the request's last byte to the answer, at the gateway. The way to the sender and back comes on top. */
  readonly deadlineMs: number;
  /** The answer when nothing better is known in time. It is marked as `flagged`, and a person sees the event after. */
  readonly default: Body;
}

/** One routed type. The payload's type is gone here; it was checked when the route was made. */
export interface Route {
  /** An event type of the source, or `*` for every type it declares. */
  readonly type: string;
  readonly pipeline: Pipeline<never>;
  readonly options: RouteOptions<never>;
}

/** The last argument of `defineSource`'s `routes`: builds routes whose types fit. */
export interface RouteBuilder<Schemas extends EventSchemas> {
  <Type extends keyof Schemas & string, Body extends JsonValue>(
    type: Type,
    pipeline: Pipeline<OutputOf<Schemas[Type]>, Body>,
    options?: RouteOptions<OutputOf<Schemas[Type]>, NoInfer<Body>>,
  ): Route;
  <Body extends JsonValue>(
    type: "*",
    pipeline: Pipeline<PayloadOf<Schemas>, Body>,
    options?: RouteOptions<PayloadOf<Schemas>, NoInfer<Body>>,
  ): Route;
}

export interface SourceOptions<Schemas extends EventSchemas> {
  readonly verify: Verification;
  /** A schema per event type, or several versions of it (`versioned`). A type without a schema is recorded as `unrouted`, never dropped. */
  readonly events: Schemas;
  /** The customer an event belongs to. null: no key, the event goes to one of `unkeyedShards` unordered partitions. */
  partitionBy?(event: IncomingEvent<PayloadOf<Schemas>>): string | number | null;
  /** Sources that name the same space share their customers' order. Default: the source's own name. */
  readonly space?: string;
  /** Raise it when `partitionBy` or `space` changes, and say in `previousEpoch` what they were. */
  readonly epoch?: number;
  /**
   * How events were partitioned before. Until it ends, what the old partitions have is not taken for new, and a customer's
   * newer events wait until its old partition is empty. Costs one call to the old partition per event; let it end once
   * the sender's longest retry is over.
   */
  readonly previousEpoch?: {
    readonly epoch: number;
    /** Default: as now. */
    partitionBy?(event: IncomingEvent<PayloadOf<Schemas>>): string | number | null;
    readonly space?: string;
    readonly unkeyedShards?: number;
    /** RFC 3339, or ms since the epoch. Default: until it is taken out of the config. */
    readonly until?: string | number;
  };
  readonly jurisdiction?: Jurisdiction;
  /**
   * Where a customer's partition should live, when it is made: near whoever sends most, or the destination. A hint; it is
   * never moved. Default, and for `null`: near where its first event came from. docs/regions.md
   */
  home?(event: IncomingEvent<PayloadOf<Schemas>>): LocationHint | null;
  readonly unkeyedShards?: number;
  /** Where the sender's id is not (or not rightly) found by the scheme. */
  dedupeBy?(event: IncomingEvent<PayloadOf<Schemas>>): string;
  /**
   * What the edge answers duplicates of an event from, before any durable write: `results`, every event that ended; `duplicates`
   * (default), those of which the partition has seen a duplicate; `off`, nothing. docs/spec/idempotency.md
   */
  readonly idempotency?: IdempotencyMode;
  /** Overrides the scheme's order key: ms since the epoch, or a sequence number. null: order of arrival. */
  orderBy?(event: IncomingEvent<PayloadOf<Schemas>>): number | null;
  /** Which lane. Default: normal. Of an event that a function cannot judge: normal. */
  readonly priority?: PriorityBy<PayloadOf<Schemas>>;
  /** false: the event is answered 200 `filtered` and goes no further. */
  filter?(event: IncomingEvent<PayloadOf<Schemas>>): boolean;
  /** A payload that fails its schema: a listed dead letter (default), or 422 to the sender. */
  readonly onInvalid?: "quarantine" | "reject";
  /** Larger bodies are refused. Default: what the sender documents (docs/senders.md), else 1 MiB. At most 25 MiB, of forms and split bodies 10. */
  readonly maxBodyBytes?: number;
  /**
   * How many events per minute of each customer (of each shard, where there is no key) are worked on. What is beyond it
   * is taken, and waits its turn in its partition.
   */
  readonly quota?: Quota;
  readonly policy?: Partial<EventPolicy>;
  routes(route: RouteBuilder<Schemas>): readonly Route[];
}

export interface PreviousEpoch {
  readonly epoch: number;
  readonly space: string | undefined;
  readonly unkeyedShards: number;
  /** NaN for a time that is none, which the config check refuses. */
  readonly endsAtMs: number;
  partitionBy(event: IncomingEvent<unknown>): string | null;
}

/** A source with its payload types erased: what the gateway runs on. */
export interface Source {
  readonly verify: Verification;
  readonly events: EventSchemas;
  readonly space: string | undefined;
  readonly epoch: number;
  readonly previousEpoch: PreviousEpoch | null;
  readonly jurisdiction: Jurisdiction;
  readonly unkeyedShards: number;
  /** Of events that no function can judge. */
  readonly priority: Priority;
  /** null: every event has the one above. */
  priorityBy: ((event: IncomingEvent<unknown>) => Priority) | null;
  readonly onInvalid: "quarantine" | "reject";
  readonly idempotency: IdempotencyMode;
  readonly maxBodyBytes: number | undefined;
  readonly policy: Partial<EventPolicy>;
  readonly routes: readonly Route[];
  /** These take a payload that the source's own schema for the type has parsed. */
  partitionBy(event: IncomingEvent<unknown>): string | null;
  dedupeBy(event: IncomingEvent<unknown>): string | null;
  orderBy: ((event: IncomingEvent<unknown>) => number | null) | null;
  filter(event: IncomingEvent<unknown>): boolean;
  home(event: IncomingEvent<unknown>): LocationHint | null;
}

export function defineSource<const Schemas extends EventSchemas>(options: SourceOptions<Schemas>): Source {
  type Payload = PayloadOf<Schemas>;
  checkShape("defineSource", SOURCE_SHAPE, options);
  // The payload was parsed by `events[type]` before any of these is called, so it is of this type.
  const typed = (event: IncomingEvent<unknown>) => event as IncomingEvent<Payload>;
  const build = (type: string, pipeline: Pipeline<never>, routeOptions: RouteOptions<never> = {}): Route => ({
    type,
    pipeline,
    options: routeOptions,
  });
  const hasOrder = options.orderBy !== undefined;
  const partitionBy = (event: IncomingEvent<unknown>) => keyOf(options.partitionBy?.(typed(event)));
  const unkeyedShards = options.unkeyedShards ?? DEFAULT_UNKEYED_SHARDS;
  const { previousEpoch, priority = "normal" } = options;
  return {
    verify: options.verify,
    events: options.events,
    space: options.space,
    epoch: options.epoch ?? 1,
    jurisdiction: options.jurisdiction ?? "none",
    unkeyedShards,
    previousEpoch:
      previousEpoch === undefined
        ? null
        : {
            epoch: previousEpoch.epoch,
            space: previousEpoch.space ?? options.space,
            unkeyedShards: previousEpoch.unkeyedShards ?? unkeyedShards,
            endsAtMs: new Date(previousEpoch.until ?? END_OF_TIME_MS).getTime(),
            partitionBy: (event) =>
              previousEpoch.partitionBy === undefined
                ? partitionBy(event)
                : keyOf(previousEpoch.partitionBy(typed(event))),
          },
    priority: typeof priority === "string" ? priority : "normal",
    priorityBy: typeof priority === "string" ? null : (event) => priority(typed(event)),
    onInvalid: options.onInvalid ?? "quarantine",
    idempotency: options.idempotency ?? "duplicates",
    maxBodyBytes: options.maxBodyBytes,
    policy:
      options.quota === undefined ? (options.policy ?? {}) : { ...options.policy, quota: options.quota },
    routes: routesOf(options.routes(build)),
    partitionBy,
    dedupeBy: (event) => {
      const key = options.dedupeBy?.(typed(event)) ?? null;
      // An empty one is no id, and is refused as such.
      return key === "" ? key : keyOf(key);
    },
    orderBy: hasOrder ? (event) => options.orderBy?.(typed(event)) ?? null : null,
    filter: (event) => options.filter?.(typed(event)) ?? true,
    home: (event) => options.home?.(typed(event)) ?? null,
  };
}

function routesOf(routes: readonly Route[]): readonly Route[] {
  checkShape("defineSource.routes", z.array(ROUTE_SHAPE), routes);
  return routes;
}

const DEFAULT_UNKEYED_SHARDS = 16;
/** The last time there is a date for. */
const END_OF_TIME_MS = 8_640_000_000_000_000;

/** An empty key is none: it would make one customer of all who have none. */
/** @throws RangeError for a number that stands for several: its event is quarantined, and another customer's order is not touched */
function keyOf(key: string | number | null | undefined): string | null {
  if (key === null || key === undefined || key === "") return null;
  if (
    typeof key === "number" &&
    !Number.isSafeInteger(key) &&
    (Number.isInteger(key) || !Number.isFinite(key))
  ) {
    throw new RangeError(
      "the key is a number beyond 2^53, which is several numbers at once: return the payload's own text, without Number()",
    );
  }
  return String(key);
}
