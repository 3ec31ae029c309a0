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

it("an event with a large body waits while others fill the memory, and leaves its room behind", async () => {
  const bodyMemory = createBodyMemory(5 * MIB);
  const { processor } = bench([triage], { bodyMemory, loadBody: async () => ok('{"text":"x"}') });
  const prepare = async (sizeBytes: number) =>
    processor.prepare(await leasedEvent(stored(sizeBytes)), new AbortController().signal);
  bodyMemory.reserve(3 * MIB);
  expect(await prepare(4 * MIB)).toEqual({
    kind: "deferred",
    untilMs: NOW_MS + LIMITS.stages.noRoomRetryMs,
    reason: "no_room",
  });
  // Small ones are not counted.
  expect(await prepare(MIB)).toMatchObject({ kind: "ready" });
  bodyMemory.release(3 * MIB);
  expect(await prepare(4 * MIB)).toMatchObject({ kind: "ready" });
  expect(bodyMemory.reserve(5 * MIB)).toBe(true);
});
