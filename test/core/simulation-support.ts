/** Runs of the simulation as a test has them: the first broken promise is shown with the command that shows it again. */
import { expect } from "vitest";
import { loadPartitionClass, type PartitionClass } from "../simulation/object-module.ts";
import { BatchReport, replayCommand } from "../simulation/report.ts";
import { simulate } from "../simulation/run.ts";
import { settingsFor, type SettingsOptions } from "../simulation/settings.ts";

/** Of one test: short enough to be cut off when it hangs. */
const RUNS_PER_BATCH = 100;
export const SIMULATION_TIMEOUT_MS = 180_000;

export class SimulationBatches {
  readonly report = new BatchReport();
  private readonly objectClass: Promise<PartitionClass> = loadPartitionClass();

  async run(options: SettingsOptions) {
    const settings = settingsFor(options);
    const result = await simulate(settings, await this.objectClass);
    this.report.add(result);
    const { violation } = result;
    const shown =
      violation === null ? null : `${violation.rule}: ${violation.detail}\n${replayCommand(settings)}`;
    expect(shown).toBeNull();
    return result;
  }

  async batch(number: number): Promise<void> {
    const first = 10_000 * number;
    for (let seed = first; seed < first + RUNS_PER_BATCH; seed++) await this.run({ seed });
  }
}
