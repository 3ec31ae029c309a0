import { expect, it } from "vitest";
import * as z from "zod";
import { definePipeline } from "../../src/config/define-pipeline.ts";
import { LIMITS, MIB } from "../../src/config/limits.ts";
import { ok } from "../../src/core/result.ts";
import { createBodyMemory } from "../../src/platform/body-memory.ts";
import { bench, leasedEvent, NOW_MS } from "./pipeline-fixtures.ts";

const triage = definePipeline({
  name: "triage",
  input: z.object({ text: z.string() }),
  format: () => ({ body: null }),
  deliver: [],
});
const stored = (sizeBytes: number) => ({
  envelope: { body: { kind: "stored", key: "bodies/x", sha256: "0", sizeBytes } as const },
});

const FOR_LONG_MS = 60_000;
const roomFor = (sizeBytes: number) => sizeBytes * LIMITS.ingest.json.liveFactor;

it("an event with a large body waits while others fill the memory, and leaves its room behind", async () => {
  const bodyMemory = createBodyMemory(roomFor(5 * MIB), () => NOW_MS);
  const { processor } = bench([triage], { bodyMemory, loadBody: async () => ok('{"text":"x"}') });
  const prepare = async (sizeBytes: number) =>
    processor.prepare(await leasedEvent(stored(sizeBytes)), new AbortController().signal);
  const others = bodyMemory.reserve(roomFor(3 * MIB), FOR_LONG_MS);
  expect(await prepare(4 * MIB)).toEqual({
    kind: "deferred",
    untilMs: NOW_MS + LIMITS.stages.noRoomRetryMs,
    reason: "no_room",
  });
  // Small ones are not counted.
  expect(await prepare(LIMITS.ingest.countedBodyBytes)).toMatchObject({ kind: "ready" });
  others?.release();
  expect(await prepare(4 * MIB)).toMatchObject({ kind: "ready" });
  expect(bodyMemory.reserve(roomFor(5 * MIB), FOR_LONG_MS)).not.toBeNull();
});

it("an event whose body just came in is worked on in the room that it has, and keeps it until it is done", async () => {
  const bodyMemory = createBodyMemory(roomFor(5 * MIB), () => NOW_MS);
  const loading = Promise.withResolvers<void>();
  const loadBody = async () => {
    await loading.promise;
    return ok('{"text":"x"}');
  };
  const { processor } = bench([triage], { bodyMemory, loadBody });
  const room = bodyMemory.reserve(roomFor(4 * MIB), FOR_LONG_MS);
  if (room === null) throw new Error("there is room");
  const event = { ...(await leasedEvent(stored(4 * MIB))), room };
  const preparing = processor.prepare(event, new AbortController().signal);
  // The door has answered, late work goes on.
  room.release();
  expect(bodyMemory.reserve(roomFor(2 * MIB), FOR_LONG_MS)).toBeNull();
  loading.resolve();
  expect(await preparing).toMatchObject({ kind: "ready" });
  expect(bodyMemory.reserve(roomFor(5 * MIB), FOR_LONG_MS)).not.toBeNull();
});
