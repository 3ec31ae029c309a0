/** More of `simulation.test.ts`: two files run side by side. */
import { describe, it } from "vitest";
import { SIMULATION_TIMEOUT_MS, SimulationBatches } from "./simulation-support.ts";

const BATCHES = [6, 7, 8, 9, 10] as const;

const simulation = new SimulationBatches();

describe("under simulated faults, nothing accepted is lost, every effect is one, orders hold, one driver owns", () => {
  it.each(BATCHES)("in short runs, batch %i", (batch) => simulation.batch(batch), SIMULATION_TIMEOUT_MS);
});
