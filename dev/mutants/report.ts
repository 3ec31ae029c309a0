/** What is said while mutants run, and at the end. */
import type { Mutant, Outcome, Verdict } from "./mutant.ts";

const VERDICTS: readonly Verdict[] = ["killed", "timed_out", "explained", "survived", "broken"];
const PROGRESS_EVERY = 20;

export class Report {
  readonly outcomes: Outcome[] = [];
  private readonly total: number;
  private readonly startedAtMs = Date.now();

  constructor(total: number) {
    this.total = total;
  }

  /** True when nothing is left to be done about any mutant. */
  get isClean(): boolean {
    return this.outcomes.every(({ mutant, verdict }) =>
      mutant.promise === null ? verdict !== "survived" && verdict !== "broken" : isKill(verdict),
    );
  }

  add(outcome: Outcome): void {
    this.outcomes.push(outcome);
    const { mutant, verdict, by } = outcome;
    if (verdict === "survived" || verdict === "broken")
      console.log(`${verdict}: ${describe(mutant)}\n    ${by}`);
    else if (mutant.promise !== null) console.log(`${verdict}: ${mutant.id} (${mutant.promise}) by: ${by}`);
    const done = this.outcomes.length;
    if (done % PROGRESS_EVERY === 0 || done === this.total) console.log(this.progress());
  }

  print(): void {
    const files = [...new Set(this.outcomes.map(({ mutant }) => mutant.file))].sort();
    console.log(`\n${"file".padEnd(40)}${VERDICTS.map((verdict) => verdict.padStart(11)).join("")}`);
    for (const file of files) this.printRow(file, (outcome) => outcome.mutant.file === file);
    this.printRow("all", () => true);
    const left = this.outcomes.filter(({ verdict }) => verdict === "survived" || verdict === "broken");
    if (left.length > 0) console.log(`\nnobody noticed, or nobody could tell:`);
    for (const { mutant } of left) console.log(describe(mutant));
  }

  private printRow(name: string, belongs: (outcome: Outcome) => boolean): void {
    const own = this.outcomes.filter(belongs);
    const counts = VERDICTS.map((verdict) => own.filter((outcome) => outcome.verdict === verdict).length);
    console.log(name.padEnd(40) + counts.map((count) => String(count).padStart(11)).join(""));
  }

  private progress(): string {
    const seconds = Math.round((Date.now() - this.startedAtMs) / 1_000);
    const counts = VERDICTS.map((verdict) => {
      return `${verdict} ${this.outcomes.filter((outcome) => outcome.verdict === verdict).length}`;
    });
    return `[${this.outcomes.length}/${this.total}, ${seconds} s] ${counts.join(", ")}`;
  }
}

export function describe(mutant: Mutant): string {
  const what = mutant.promise ?? mutant.rule;
  return `${mutant.id}  ${mutant.file}:${mutant.line}  ${what}\n  - ${mutant.before}\n  + ${mutant.after}`;
}

function isKill(verdict: Verdict): boolean {
  return verdict === "killed" || verdict === "timed_out";
}
