import { describe, expect, it } from "vitest";
import { FAULT_KINDS } from "../simulation/faults.ts";
import { LONG_RUN_STEPS } from "../simulation/settings.ts";
import { SIMULATION_TIMEOUT_MS, SimulationBatches } from "./simulation-support.ts";

/** As many again run beside these, in `simulation-beside.test.ts`. */
const BATCHES = [1, 2, 3, 4, 5] as const;
const LONG_RUNS = [1, 2, 3] as const;

const simulation = new SimulationBatches();

describe("under simulated faults, nothing accepted is lost, every effect is one, orders hold, one driver owns", () => {
  it.each(BATCHES)("in short runs, batch %i", (batch) => simulation.batch(batch), SIMULATION_TIMEOUT_MS);

  it.each(LONG_RUNS)(
    "in a long run with every fault, seed %i",
    async (seed) => {
      await simulation.run({ seed, steps: LONG_RUN_STEPS });
    },
    SIMULATION_TIMEOUT_MS,
  );

  it("and every kind of fault has happened", () => {
    const { report } = simulation;
    expect(report.missing()).toEqual([]);
    expect([...report.faults.keys()].toSorted()).toEqual([...FAULT_KINDS].toSorted());
  });
});

describe("a simulated run", () => {
  it("is the same to the last line of its trace for the same seed, and another for another seed", async () => {
    const [first, again, other] = [
      await simulation.run({ seed: 7 }),
      await simulation.run({ seed: 7 }),
      await simulation.run({ seed: 8 }),
    ];
    expect(again.traceHash).toBe(first.traceHash);
    expect(other.traceHash).not.toBe(first.traceHash);
  });

  it("without faults accepts, finishes and delivers every event once, in order", async () => {
    const { effects, log, accepted } = await simulation.run({ seed: 7, faults: [] });
    expect(accepted).toBeGreaterThan(0);
    expect(effects).toMatchObject({ repeated: 0, refusedAsOld: 0, outOfOrder: 0 });
    expect(log.modelCallsByZombies).toBe(0);
  });
});
