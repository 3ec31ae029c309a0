/** What upkeep does when space runs out, and to the bodies of what it drops: its parts given, nothing stored. */
import { setImmediate as nextTask } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../src/config/limits.ts";
import { deleteBodies, Upkeep } from "../../src/partition/upkeep.ts";
import type { PartitionStore } from "../../src/partition/store.ts";
import { createLogger } from "../../src/telemetry/log.ts";
import { START_MS } from "./partition-records.ts";

const { maxStoredBytes, pressureAgainMs, pressureShare } = LIMITS.partition;

interface Scene {
  readonly isBroken?: boolean;
  /** Bodies of weeks past their retention. */
  readonly retired?: readonly string[];
  readonly storedBytes?: number;
}

interface Dropped {
  readonly dropped: number;
  readonly bodies: readonly string[];
}

function upkeepOver(
  drops: readonly Dropped[],
  { isBroken = false, retired = [], storedBytes = maxStoredBytes }: Scene = {},
) {
  const [deleted, warned]: [string[][], string[]] = [[], []];
  let asked = 0;
  const store = {
    storedBytes,
    nextRetentionMs: () => null,
    planRetirement: () => [{ bucket: 1, remember: [], keep: [], bodies: retired }],
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
    const broken = upkeepOver(drops, { isBroken: true });
    expect(await broken.upkeep.run(START_MS)).toBe(false);
    expect(broken.warned).toContain("bodies_not_removed");
  });
});

describe("a partition with room", () => {
  it("drops nothing early, until it holds the share of its bound that is pressure", async () => {
    const bound = maxStoredBytes * pressureShare;
    const roomy = upkeepOver([], { storedBytes: bound - 1 });
    await roomy.upkeep.run(START_MS);
    expect(roomy.asked()).toBe(0);
    expect(roomy.upkeep.nextAtMs(START_MS)).toBeNull();
    const full = upkeepOver([], { storedBytes: bound });
    await full.upkeep.run(START_MS);
    expect(full.asked()).toBe(1);
  });

  it("has removed the bodies of what was past its retention when it is done", async () => {
    const { upkeep, deleted } = upkeepOver([], { retired: ["old"], storedBytes: 0 });
    await upkeep.run(START_MS);
    expect(deleted).toEqual([["old"]]);
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
