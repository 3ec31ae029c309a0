/**
 * Whether the Worker keeps anything of the requests it has answered: the same cases on workerd alone, without the local
 * simulators, which keep what they are given in the same process. Judged by the isolate's heap after a collection; the
 * process's memory also holds the allocator's spare room, and says nothing.
 */
import { startBareRuntime } from "../lib/bare-runtime.ts";
import { openHeap } from "../lib/runtime-heap.ts";
import { makeCase } from "./fuzz-case.ts";
import type { Keyring } from "./keyring.ts";
import { sendRaw } from "./send.ts";

export interface MemorySample {
  readonly cases: number;
  readonly bytes: number;
}

export interface MemoryRun {
  readonly seed: number;
  readonly first: number;
  readonly keyring: Keyring;
  readonly vars: Readonly<Record<string, string>>;
}

/** Until then caches fill, code is compiled and shapes are learnt. */
const WARM_UP_CASES = 4_000;
const WINDOW_CASES = 2_000;
/** What a collection leaves differs a little each time: a window's heap is the median of so many. A collection takes seconds. */
const SAMPLES_PER_WINDOW = 4;
/** What collections leave differs by about twenty a case; the least of a request that is kept, its URL and a time, takes a hundred. */
const MAX_GROWTH_BYTES_PER_CASE = 64;
/** Answers are not judged here, and most of a request is waiting for its socket. */
const AT_ONCE = 16;

/** Cases that it takes to judge; fewer are all warming up. */
export const FEWEST_MEMORY_CASES = WARM_UP_CASES + 2 * WINDOW_CASES;

export async function sampleMemory({
  seed,
  first,
  keyring,
  vars,
}: MemoryRun): Promise<readonly MemorySample[]> {
  const runtime = await startBareRuntime(
    [
      { name: "lane", main: "bench/ingest/worker/lane.worker.ts" },
      {
        name: "fuzz",
        main: "dev/workers/fuzz.worker.ts",
        text: { ...vars, LOG_LEVEL: "error" },
        queues: { LANE_HIGH: "lane", LANE_NORMAL: "lane", LANE_LOW: "lane", TELEMETRY: "lane" },
        objects: { PARTITION: "PartitionObject", GUARD: "GuardObject", STREAM: "StreamObject" },
      },
    ],
    { inspect: true },
  );
  try {
    const heap = await openHeap(runtime.inspector, "fuzz");
    const origin = runtime.url("fuzz");
    const samples: MemorySample[] = [];
    const everyCases = WINDOW_CASES / SAMPLES_PER_WINDOW;
    let played = 0;
    for (let until = WARM_UP_CASES; until <= FEWEST_MEMORY_CASES; until += everyCases) {
      const playSome = async (): Promise<void> => {
        while (played < until) {
          const index = first + played++;
          const one = await makeCase({ seed, index, keyring, origin, nowMs: Date.now() });
          for (const request of one.requests) await sendRaw(origin, request);
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, playSome));
      samples.push({ cases: until, bytes: await heap.usedBytes() });
    }
    heap.close();
    return samples;
  } finally {
    await runtime.close();
  }
}

/** Compares the two windows after the warm-up. */
export function isFlat(samples: readonly MemorySample[]): { readonly holds: boolean; readonly text: string } {
  const heapBetween = (after: number, until: number) =>
    median(samples.filter(({ cases }) => cases > after && cases <= until).map(({ bytes }) => bytes));
  const before = heapBetween(WARM_UP_CASES, WARM_UP_CASES + WINDOW_CASES);
  const after = heapBetween(WARM_UP_CASES + WINDOW_CASES, FEWEST_MEMORY_CASES);
  const bytesPerCase = (after - before) / WINDOW_CASES;
  const kib = (bytes: number) => (bytes / 1_024).toFixed(0);
  const text = `heap of ${kib(before)} KiB, after ${WINDOW_CASES} more cases ${kib(after)} KiB (${bytesPerCase.toFixed(1)} bytes a case)`;
  const holds = bytesPerCase <= MAX_GROWTH_BYTES_PER_CASE;
  return { holds, text: holds ? text : `${text}: GROWS` };
}

function median(values: readonly number[]): number {
  return values.toSorted((left, right) => left - right)[Math.floor(values.length / 2)] ?? Number.NaN;
}
