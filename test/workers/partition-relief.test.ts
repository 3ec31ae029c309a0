/** What upkeep does when space runs out, and to the bodies of what it drops: its parts given, nothing stored. */
import { setImmediate as nextTask } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../src/config/limits.ts";
import { deleteBodies, Upkeep } from "../../src/partition/upkeep.ts";
import type { PartitionStore } from "../../src/partition/store.ts";
import { createLogger } from "../../src/telemetry/log.ts";
import { START_MS } from "./partition-records.ts";

const { maxStoredBytes, pressureAgainMs } = LIMITS.partition;

interface Dropped {
  readonly dropped: number;
  readonly bodies: readonly string[];
}

function upkeepOver(drops: readonly Dropped[], isBroken = false) {
  const [deleted, warned]: [string[][], string[]] = [[], []];
  let asked = 0;
  const store = {
    storedBytes: maxStoredBytes,
    nextRetentionMs: () => null,
    planRetirement: () => [],
    retire: () => false,
    dropEarly: () => drops[asked++] ?? { dropped: 0, bodies: [] },
  } satisfies Partial<PartitionStore>;
  const upkeep = new Upkeep({
    storage: { transactionSync: (work) => work() },
    store,
    bodies: {
      delete: async (keys) => {
        await nextTask();
        if (isBroken) throw new Error("bucket is down");
        deleted.push([keys].flat());
      },
    },
    log: { ...createLogger("error"), warn: (event) => void warned.push(event) },
  });
  return { upkeep, deleted, warned, asked: () => asked };
}

describe("a partition without room", () => {
  it("makes some at once, again and again while there is something to drop, and looks again later where there is none", async () => {
    const { upkeep, asked } = upkeepOver([{ dropped: 2, bodies: [] }]);
    expect(upkeep.nextAtMs(START_MS)).toBe(START_MS);
    await upkeep.run(START_MS);
    expect(upkeep.nextAtMs(START_MS)).toBe(START_MS);
    await upkeep.run(START_MS);
    expect(asked()).toBe(2);
    expect(upkeep.nextAtMs(START_MS)).toBe(START_MS + pressureAgainMs);
    await upkeep.run(START_MS + pressureAgainMs - 1);
    expect(asked()).toBe(2);
    await upkeep.run(START_MS + pressureAgainMs);
    expect(asked()).toBe(3);
  });

  it("has removed the bodies of what it dropped when it is done; a bucket that is down stops nothing", async () => {
    const drops = [{ dropped: 2, bodies: ["one", "two"] }];
    const { upkeep, deleted } = upkeepOver(drops);
    await upkeep.run(START_MS);
    expect(deleted).toEqual([["one", "two"]]);
    const broken = upkeepOver(drops, true);
    expect(await broken.upkeep.run(START_MS)).toBe(false);
    expect(broken.warned).toContain("bodies_not_removed");
  });
});

describe("bodies", () => {
  it.each([
    [0, []],
    [1, [1]],
    [1_000, [1_000]],
    [1_001, [1_000, 1]],
  ])("of %i keys are removed in as many calls as a bucket needs", async (count, sizes) => {
    const calls: number[] = [];
    const keys = Array.from({ length: count }, (_, index) => `body-${index}`);
    await deleteBodies({ delete: async (some) => void calls.push([some].flat().length) }, keys);
    expect(calls).toEqual(sizes);
  });
});
