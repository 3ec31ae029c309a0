import { beforeAll, describe, expect, it } from "vitest";
import { FAULT_KINDS } from "../simulation/faults.ts";
import { loadPartitionClass, type PartitionClass } from "../simulation/object-module.ts";
import { BatchReport, replayCommand } from "../simulation/report.ts";
import { simulate } from "../simulation/run.ts";
import { LONG_RUN_STEPS, settingsFor } from "../simulation/settings.ts";

const RUNS_PER_TEST = 60;
const BATCHES = [1, 2, 3, 4] as const;
const LONG_RUNS = [1, 2, 3] as const;
const TIMEOUT_MS = 120_000;

let objectClass: PartitionClass;
const report = new BatchReport();

beforeAll(async () => {
  objectClass = await loadPartitionClass();
});

async function run(options: Parameters<typeof settingsFor>[0]) {
  const settings = settingsFor(options);
  const result = await simulate(settings, objectClass);
  report.add(result);
  const { violation } = result;
  const shown =
    violation === null ? null : `${violation.rule}: ${violation.detail}\n${replayCommand(settings)}`;
  expect(shown).toBeNull();
  return result;
}

describe("under simulated faults, nothing accepted is lost, every effect is one, orders hold, one driver owns", () => {
  it.each(BATCHES)(
    "in short runs, batch %i",
    async (batch) => {
      const first = 10_000 * batch;
      for (let seed = first; seed < first + RUNS_PER_TEST; seed++) await run({ seed });
    },
    TIMEOUT_MS,
  );

  it.each(LONG_RUNS)(
    "in a long run with every fault, seed %i",
    async (seed) => {
      await run({ seed, steps: LONG_RUN_STEPS });
    },
    TIMEOUT_MS,
  );

  it("and every kind of fault has happened", () => {
    expect(report.missing()).toEqual([]);
    expect([...report.faults.keys()].toSorted()).toEqual([...FAULT_KINDS].toSorted());
  });
});

describe("a simulated run", () => {
  it("is the same to the last line of its trace for the same seed, and another for another seed", async () => {
    const [first, again, other] = [await run({ seed: 7 }), await run({ seed: 7 }), await run({ seed: 8 })];
    expect(again.traceHash).toBe(first.traceHash);
    expect(other.traceHash).not.toBe(first.traceHash);
  });

  it("without faults accepts, finishes and delivers every event once, in order", async () => {
    const { effects, log, accepted } = await run({ seed: 7, faults: [] });
    expect(accepted).toBeGreaterThan(0);
    expect(effects).toMatchObject({ repeated: 0, refusedAsOld: 0, outOfOrder: 0 });
    expect(log.modelCallsByZombies).toBe(0);
  });
});
