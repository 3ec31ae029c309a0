/**
 * The durable write under a deadline. Yields outcomes only when every event is durable: a late, failed, refused
 * or incomplete write is "not durable", and the sender's retry is told apart by its id.
 */
import { LIMITS, SECOND_MS } from "../config/limits.ts";
import type { EventEnvelope } from "../core/envelope.ts";
import { err, messageOf, ok, type Result } from "../core/result.ts";
import { storeLargeBodies } from "./claim-check.ts";
import type { IngestFailure } from "./failure.ts";
import type { AppendOutcome, IngestDependencies } from "./ports.ts";

export type DurableOutcome = Exclude<AppendOutcome, { readonly status: "refused" }>;
type NotDurable = Extract<IngestFailure, { readonly kind: "not_durable" }>;

type Writer = Pick<IngestDependencies, "append" | "putBody" | "waitUntil" | "nowMs" | "logger">;

/** Envelopes that carry the same text inline, and its UTF-8. */
export interface SameBody {
  readonly envelopes: readonly EventEnvelope[];
  readonly jsonBytes: Uint8Array<ArrayBuffer>;
}

/**
 * All of them in one write. @returns one outcome per envelope, in their order
 * @param untilMs somebody waits for an answer beside this: no longer than that
 */
export async function makeDurable(
  bodies: readonly SameBody[],
  writer: Writer,
  untilMs = Number.POSITIVE_INFINITY,
): Promise<Result<readonly DurableOutcome[], NotDurable>> {
  const envelopes = bodies.flatMap((body) => body.envelopes);
  const writing = write(bodies, writer);
  const { promise: deadline, resolve: expire } = Promise.withResolvers<"expired">();
  const timer = setTimeout(() => expire("expired"), Math.min(deadlineMs(bodies), untilMs - writer.nowMs()));
  try {
    const outcomes = await Promise.race([writing, deadline]);
    if (outcomes !== "expired") return checkOutcomes(envelopes, outcomes, writer);
    // It may still succeed; the retry is then a duplicate.
    writer.waitUntil(writing.catch((thrown: unknown) => logFailure(writer, thrown)));
    return err({ kind: "not_durable", reason: "too_slow" });
  } catch (thrown) {
    logFailure(writer, thrown);
    return err({ kind: "not_durable", reason: "failed" });
  } finally {
    clearTimeout(timer);
  }
}

/** What goes to R2 first is given the time that its bytes need. */
function deadlineMs(bodies: readonly SameBody[]): number {
  const { durableWithinMs, maxMessageBytes, minStoreBytesPerSecond } = LIMITS.ingest;
  const largeBytes = bodies
    .filter(({ jsonBytes }) => jsonBytes.length > maxMessageBytes)
    .reduce((sum, { envelopes, jsonBytes }) => sum + envelopes.length * jsonBytes.length, 0);
  return durableWithinMs + (largeBytes / minStoreBytesPerSecond) * SECOND_MS;
}

async function write(bodies: readonly SameBody[], writer: Writer): Promise<readonly AppendOutcome[]> {
  const sendable: EventEnvelope[] = [];
  for (const { envelopes, jsonBytes } of bodies) {
    sendable.push(...(await storeLargeBodies(envelopes, jsonBytes, writer.putBody)));
  }
  return writer.append(sendable);
}

function checkOutcomes(
  envelopes: readonly EventEnvelope[],
  outcomes: readonly AppendOutcome[],
  writer: Writer,
): Result<readonly DurableOutcome[], NotDurable> {
  const outcomesById = new Map(outcomes.map((outcome) => [outcome.id, outcome]));
  const durable: DurableOutcome[] = [];
  for (const { id } of envelopes) {
    const outcome = outcomesById.get(id);
    if (outcome === undefined) return err({ kind: "not_durable", reason: "incomplete" });
    if (outcome.status === "refused") {
      writer.logger.warn("ingest_refused", { event_id: id, reason: outcome.reason });
      return err({ kind: "not_durable", reason: "refused" });
    }
    durable.push(outcome);
  }
  return ok(durable);
}

function logFailure(writer: Writer, thrown: unknown): void {
  writer.logger.error("ingest_write_failed", { error: messageOf(thrown).slice(0, MAX_ERROR_CHARACTERS) });
}

const MAX_ERROR_CHARACTERS = 300;
