/** Room for an event's body while it is worked on: decoded and parsed, a large one weighs several times its size. */
import { LIMITS } from "../config/limits.ts";
import type { EnvelopeBody } from "../core/envelope.ts";
import type { BodyMemory } from "../platform/body-memory.ts";
import type { Prepared } from "./processor.ts";

export interface BodyRoomDeps {
  /** Absent: nothing is counted. */
  readonly bodyMemory?: BodyMemory;
  readonly nowMs: () => number;
}

/** Works on an event with a large body only while there is room for it in memory; else the event is deferred. */
export async function withRoomForBody(
  { bodyMemory, nowMs }: BodyRoomDeps,
  body: EnvelopeBody,
  work: () => Promise<Prepared>,
): Promise<Prepared> {
  const isLarge = body.kind === "stored" && body.sizeBytes > LIMITS.ingest.defaultBodyBytes;
  if (!isLarge || bodyMemory === undefined) return work();
  if (!bodyMemory.reserve(body.sizeBytes)) {
    return { kind: "deferred", untilMs: nowMs() + LIMITS.stages.noRoomRetryMs, reason: "no_room" };
  }
  try {
    return await work();
  } finally {
    bodyMemory.release(body.sizeBytes);
  }
}
