/** Room for an event's body while it is worked on: decoded and parsed, a large one weighs several times its size. */
import { LIMITS } from "../config/limits.ts";
import type { BodyMemory } from "../platform/body-memory.ts";
import type { LeasedEvent, Prepared } from "./processor.ts";

export interface BodyRoomDeps {
  /** Absent: nothing is counted. */
  readonly bodyMemory?: BodyMemory;
  readonly nowMs: () => number;
}

/** Works on an event with a large body only while there is room for it in memory; else the event is deferred. */
export async function withRoomForBody(
  { bodyMemory, nowMs }: BodyRoomDeps,
  { envelope: { body }, room: given }: LeasedEvent,
  work: () => Promise<Prepared>,
): Promise<Prepared> {
  const { countedBodyBytes, json } = LIMITS.ingest;
  const isCounted = body.kind === "stored" && body.sizeBytes > countedBodyBytes;
  if (!isCounted || bodyMemory === undefined) return work();
  const { bodyRoomMs, noRoomRetryMs } = LIMITS.stages;
  const room = given?.share(bodyRoomMs)
    ? given
    : bodyMemory.reserve(body.sizeBytes * json.liveFactor, bodyRoomMs);
  if (room === null) return { kind: "deferred", untilMs: nowMs() + noRoomRetryMs, reason: "no_room" };
  try {
    return await work();
  } finally {
    room.release();
  }
}
