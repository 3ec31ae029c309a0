/** What a batch of runs came to, as text and as a verdict. */
import { FAULT_KINDS, type FaultKind } from "./faults.ts";
import type { RunResult } from "./run.ts";
import type { Settings } from "./settings.ts";

/** A batch of this many steps or more must have seen every kind of fault it asked for. */
export const COVERAGE_FROM_STEPS = 50_000;

export class BatchReport {
  runs = 0;
  steps = 0;
  readonly faults = new Map<FaultKind, number>();
  private accepted = 0;
  private simulatedMs = 0;
  private readonly totals = new Map<string, number>();

  add(result: RunResult): void {
    this.runs++;
    this.steps += result.steps;
    this.accepted += result.accepted;
    this.simulatedMs += result.simulatedMs;
    for (const [kind, count] of result.faults) this.faults.set(kind, (this.faults.get(kind) ?? 0) + count);
    const { keptUndeliverable, stranded, effects, log, decisions } = result;
    for (const [name, value] of Object.entries({
      keptUndeliverable,
      stranded,
      ...effects,
      ...log,
      ...decisions,
    })) {
      this.totals.set(name, (this.totals.get(name) ?? 0) + value);
    }
  }

  /** Kinds that were asked for and never happened; empty while the batch is too small to say. */
  missing(asked: readonly FaultKind[] = FAULT_KINDS): readonly FaultKind[] {
    if (this.steps < COVERAGE_FROM_STEPS) return [];
    return asked.filter((kind) => (this.faults.get(kind) ?? 0) === 0);
  }

  lines(): readonly string[] {
    const total = (name: string) => this.totals.get(name) ?? 0;
    const share = (part: number, whole: number) =>
      whole === 0 ? "–" : `${((100 * part) / whole).toFixed(2)} %`;
    const faults = FAULT_KINDS.map(
      (kind) => `  ${kind.padEnd(32)}${String(this.faults.get(kind) ?? 0).padStart(8)}`,
    );
    return [
      `${this.runs} runs, ${this.steps} steps, ${(this.simulatedMs / 3_600_000).toFixed(0)} simulated hours`,
      `accepted ${this.accepted}, stored ${total("stored")}, kept undeliverable ${total("keptUndeliverable")}`,
      `effects arrived ${total("arrived")}; a naive receiver saw ${total("repeated")} again (${share(total("repeated"), total("arrived"))}), ` +
        `${total("outOfOrder")} out of a strict order; a fencing one refused ${total("refusedAsOld")}`,
      `late ${total("late")} (${share(total("late"), total("stored"))}); model calls ${total("modelCalls")}, ` +
        `by drivers that had lost their lease ${total("modelCallsByZombies")}`,
      `duplicates answered at the edge: ${total("knownAtEdge")}`,
      `answers that senders waited for: ${total("answersByModel")} by the pipeline, ${total("answersByDefault")} by default`,
      `stranded by a dropped alarm that nobody had reported: ${total("stranded")}`,
      "faults",
      ...faults,
    ];
  }
}

/** The one command that shows the same again. */
export function replayCommand(settings: Settings): string {
  const { seed, steps, events, faults, sweep } = settings;
  const kinds = faults.length === 0 ? "none" : faults.join(",");
  return `npm run simulate -- --seed ${seed} --steps ${steps} --events ${events} --faults ${kinds}${sweep ? "" : " --no-sweep"}`;
}
