/**
 * From a verified request to the envelopes it becomes: validate, filter, route, partition. Decides, and writes
 * nothing. What cannot be decided (no schema, an invalid payload, a config function that throws) still becomes
 * an event, so that it is recorded and can be looked at.
 */
import type { IncomingEvent, Source, SyncRoute } from "../config/define-source.ts";
import { UNROUTED_PIPELINE, type EventEnvelope } from "../core/envelope.ts";
import type { LocationHint } from "../core/homes.ts";
import { err, ok, unreachable, type Result } from "../core/result.ts";
import { sha256Hex } from "./encodings.ts";
import { boundDedupeKey, isPlainKey } from "./facts.ts";
import type { IngestFailure } from "./failure.ts";
import { callConfig } from "./guarded.ts";
import {
  makeEnvelope,
  previousEpochOf,
  unkeyed,
  type EventName,
  type VerifiedRequest,
} from "./make-envelope.ts";
import { configFault, schemaFault, type Quarantine } from "./quarantine.ts";
import { routesFor, type ReadySource } from "./routes.ts";
import { validate } from "./validate.ts";

export interface PlannedEvent {
  readonly envelope: EventEnvelope;
  /** What the sender is told once the event is durable. */
  readonly status: "queued" | "unrouted" | "quarantined";
  /** Set: its sender waits for an answer. */
  readonly sync: SyncRoute | null;
}

type Plan =
  | { readonly kind: "filtered" }
  | { readonly kind: "events"; readonly events: readonly PlannedEvent[] };

type PlanFailure = Extract<IngestFailure, { readonly kind: "no_dedupe_key" | "invalid_payload" }>;

export async function planEvents(
  ready: ReadySource,
  request: VerifiedRequest,
): Promise<Result<Plan, PlanFailure>> {
  const { type } = request.facts;
  const validation = validate(ready.source.events, type, {
    payload: request.payload,
    headers: request.keptHeaders,
  });
  switch (validation.kind) {
    case "undeclared":
      return ok({ kind: "events", events: [await recordUnhandled(ready, request, null)] });
    case "faulty":
      return ok(await quarantineFirst(ready, request, configFault(validation.message)));
    case "invalid":
      if (ready.source.onInvalid === "reject")
        return err({ kind: "invalid_payload", issues: validation.issues });
      return ok(await quarantineFirst(ready, request, schemaFault(type, validation.issues)));
    case "valid":
      return planValid(ready, request, {
        type,
        payload: validation.payload,
        headers: request.keptHeaders,
      });
    default:
      return unreachable(validation);
  }
}

/** Everything the source's own functions say about one valid event. */
interface Judgement extends EventName {
  readonly partitionKey: string | null;
  readonly previousKey: string | null;
  readonly orderKey: number | null;
  readonly home: LocationHint | null;
  readonly fault: Quarantine | null;
}

async function planValid(
  ready: ReadySource,
  request: VerifiedRequest,
  event: IncomingEvent<unknown>,
): Promise<Result<Plan, PlanFailure>> {
  const isWanted = callConfig("filter", () => ready.source.filter(event));
  if (isWanted.ok && !isWanted.value) return ok({ kind: "filtered" });
  const judged = await judge(ready, request, event);
  if (!judged.ok) return judged;
  const sourceFault = isWanted.ok ? judged.value.fault : configFault(isWanted.error);

  const events: PlannedEvent[] = [];
  const taken = new Set<string>();
  for (const route of routesFor(ready, event.type)) {
    // Two routes to one pipeline are one event: its id covers source, dedupe key and pipeline.
    if (taken.has(route.pipeline)) continue;
    const matches = callConfig("when", () => route.when(event));
    if (matches.ok && !matches.value) continue;
    taken.add(route.pipeline);
    const priority = callConfig("priority", () => route.priorityOf(event));
    const routeFault = [matches, priority].find((call) => !call.ok);
    const fault = routeFault === undefined || routeFault.ok ? sourceFault : configFault(routeFault.error);
    const lane = priority.ok ? { priority: priority.value } : {};
    const envelope =
      fault === null
        ? await makeEnvelope(ready, request, { ...judged.value, ...route, ...lane })
        : await makeEnvelope(ready, request, { ...unkeyed(judged.value), ...route, quarantine: fault });
    events.push({ envelope, status: fault === null ? "queued" : "quarantined", sync: route.sync });
  }
  if (events.length === 0) events.push(await recordUnhandled(ready, request, sourceFault, judged.value));
  return ok({ kind: "events", events });
}

async function judge(
  ready: ReadySource,
  request: VerifiedRequest,
  event: IncomingEvent<unknown>,
): Promise<Result<Judgement, PlanFailure>> {
  const { source } = ready;
  const ownKey = callConfig("dedupeBy", () => source.dedupeBy(event));
  const partitionKey = callConfig("partitionBy", () => source.partitionBy(event));
  const previousKey = callConfig(
    "previousEpoch.partitionBy",
    () => previousEpochOf(source, request.receivedAtMs)?.partitionBy(event) ?? null,
  );
  const orderKey = callConfig("orderBy", () => readOrderKey(source, request, event));
  const home = callConfig("home", () => source.home(event));
  const failed = [ownKey, partitionKey, previousKey, orderKey, home].find((call) => !call.ok);
  const fault = failed === undefined || failed.ok ? null : configFault(failed.error);
  let name: EventName;
  if (!ownKey.ok) {
    name = await recordName(request);
  } else if (ownKey.value === null) {
    if ((request.facts.dedupeKey ?? "") === "") return err({ kind: "no_dedupe_key" });
    name = plainName(request) ?? (await recordName(request));
  } else {
    // The config's own key comes from the payload: whether that is signed is its author's to know.
    if (ownKey.value === "") return err({ kind: "no_dedupe_key" });
    name = { dedupeKey: await boundDedupeKey(ownKey.value) };
  }
  return ok({
    ...name,
    partitionKey: partitionKey.ok ? partitionKey.value : null,
    previousKey: previousKey.ok ? previousKey.value : null,
    orderKey: orderKey.ok ? orderKey.value : null,
    home: home.ok ? home.value : null,
    fault,
  });
}

/** The source's own word, where it has one. An envelope must survive JSON, and NaN does not. */
function readOrderKey(
  source: Source,
  request: VerifiedRequest,
  event: IncomingEvent<unknown>,
): number | null {
  if (source.orderBy === null) return request.facts.orderKey;
  const orderKey = source.orderBy(event);
  if (orderKey === null || Number.isFinite(orderKey)) return orderKey;
  throw new RangeError("an order key is a finite number");
}

/** Of an event whose payload cannot be trusted only the first route's pipeline is known. */
async function quarantineFirst(
  ready: ReadySource,
  request: VerifiedRequest,
  quarantine: Quarantine,
): Promise<Plan> {
  const [route] = routesFor(ready, request.facts.type);
  if (route === undefined) {
    return { kind: "events", events: [await recordUnhandled(ready, request, quarantine)] };
  }
  const name = await recordName(request);
  const envelope = await makeEnvelope(ready, request, { ...unkeyed(name), ...route, quarantine });
  return { kind: "events", events: [{ envelope, status: "quarantined", sync: route.sync }] };
}

async function recordUnhandled(
  ready: ReadySource,
  request: VerifiedRequest,
  quarantine: Quarantine | null,
  name?: EventName,
): Promise<PlannedEvent> {
  const target = {
    ...unkeyed(name ?? (await recordName(request))),
    pipeline: UNROUTED_PIPELINE,
    priority: ready.source.priority,
    policy: ready.policy,
    ...(quarantine === null ? {} : { quarantine }),
  };
  const envelope = await makeEnvelope(ready, request, target);
  return { envelope, status: quarantine === null ? "unrouted" : "quarantined", sync: null };
}

/**
 * What an event is called by the sender's own id. Where the sender's id is found by a config function that cannot
 * be asked (its argument would be an unchecked payload), the body's digest stands in, and says so: such an
 * event is only recorded, and has no effects that a wrong merge could swallow.
 */
async function recordName(request: VerifiedRequest): Promise<EventName> {
  const { dedupeKey } = request.facts;
  if (dedupeKey === null) return { dedupeKey: `body-sha256:${await sha256Hex(request.jsonBytes)}` };
  return nameOf(await boundDedupeKey(dedupeKey), request);
}

/** The same without a wait, for ids that need no digest: nearly all of them. */
function plainName(request: VerifiedRequest): EventName | null {
  const { dedupeKey } = request.facts;
  return dedupeKey !== null && isPlainKey(dedupeKey) ? nameOf(dedupeKey, request) : null;
}

function nameOf(dedupeKey: string, { identity }: VerifiedRequest): EventName {
  return identity === null ? { dedupeKey } : { dedupeKey, identity };
}
