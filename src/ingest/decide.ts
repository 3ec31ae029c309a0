/**
 * Events whose sender waits: each is decided on its own, beside the durable write of the others. A request is
 * answered 200 only when all of its events are durable.
 */
import type { SyncRoute } from "../config/define-source.ts";
import type { EventEnvelope } from "../core/envelope.ts";
import { err, ok, type Result } from "../core/result.ts";
import type { BodyRoom } from "../platform/body-memory.ts";
import type { Decided } from "../sync/port.ts";
import { storeLargeBodies } from "./claim-check.ts";
import type { IngestFailure } from "./failure.ts";
import type { IngestDependencies } from "./ports.ts";

export type DecidedEvent = Exclude<Decided, { readonly kind: "undecided" }>;

export interface WaitingEvent {
  readonly envelope: EventEnvelope;
  readonly sync: SyncRoute;
  readonly jsonBytes: Uint8Array<ArrayBuffer>;
}

/** When the first of them must have its answer; Infinity: nobody waits. */
export function answerDueAtMs(events: readonly WaitingEvent[]): number {
  return Math.min(...events.map(({ envelope, sync }) => envelope.receivedAtMs + sync.deadlineMs));
}

/**
 * @param room that the body has: the first event's pipeline works in it, further ones need their own
 * @returns one answer per event, in their order
 */
export async function decideEvents(
  events: readonly WaitingEvent[],
  { decide, putBody }: Pick<IngestDependencies, "decide" | "putBody">,
  room: BodyRoom | null,
): Promise<Result<readonly DecidedEvent[], IngestFailure>> {
  const deciding = events.map(({ envelope, sync, jsonBytes }, at) => {
    const storing = storeLargeBodies([envelope], jsonBytes, putBody).then(([stored = envelope]) => stored);
    return decide(storing, sync, envelope.receivedAtMs, at === 0 ? room : null);
  });
  const decided: DecidedEvent[] = [];
  for (const one of await Promise.all(deciding)) {
    if (one.kind === "undecided") return err({ kind: "not_durable", reason: one.reason });
    decided.push(one);
  }
  return ok(decided);
}
