/** Runs the mutants of a target, two at a time, and says what became of each. */
import { reasonFor } from "./equivalent.ts";
import type { Mutant, Outcome } from "./mutant.ts";
import { testsOf, type TargetName } from "./targets.ts";
import { TestRunner, type TestRun } from "./test-runner.ts";

const SLOTS = 2;
const MIN_TIMEOUT_MS = 20_000;
/** Mutants run two at a time, beside whatever else the machine does. */
const TIMEOUT_FACTOR = 5;

/** @throws when the tests fail without a mutant: then no verdict means anything */
export async function judgeMutants(
  target: TargetName,
  mutants: readonly Mutant[],
  onOutcome: (outcome: Outcome) => void,
): Promise<void> {
  const waiting = [...mutants];
  const work = async (slot: number): Promise<void> => {
    const runner = new TestRunner(target, slot);
    const timeoutMs = await startChecked(target, runner);
    for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
      onOutcome(outcomeOf(mutant, await runner.run(mutant, timeoutMs)));
    }
    runner.end();
  };
  await Promise.all(Array.from({ length: Math.min(SLOTS, mutants.length) }, (_, slot) => work(slot)));
}

/** @returns how long the tests may take over a mutant */
async function startChecked(target: TargetName, runner: TestRunner): Promise<number> {
  const startedAtMs = Date.now();
  const run = await runner.start();
  if (run.kind !== "reported") throw new Error(`${target}: the tests did not run: ${textOf(run)}`);
  const { failures, passed, files } = run.report;
  if (failures.length > 0)
    throw new Error(`${target}: the tests fail without a mutant: ${failures.join("; ")}`);
  const named = testsOf(target).length;
  if (files !== named) throw new Error(`${target}: ${files} test files ran of ${named} that are named`);
  const tookMs = Date.now() - startedAtMs;
  console.log(`${target}: ${passed} tests pass in ${(tookMs / 1_000).toFixed(1)} s`);
  return Math.max(MIN_TIMEOUT_MS, TIMEOUT_FACTOR * tookMs);
}

function outcomeOf(mutant: Mutant, run: TestRun): Outcome {
  if (run.kind === "timed_out") return { mutant, verdict: "timed_out", by: "time-out" };
  if (run.kind === "broken") return { mutant, verdict: "broken", by: textOf(run) };
  const { applied, failures } = run.report;
  const [first] = failures;
  if (applied && first !== undefined) return { mutant, verdict: "killed", by: first };
  if (first !== undefined) return { mutant, verdict: "broken", by: `not applied, and yet: ${first}` };
  const reason = reasonFor(mutant);
  if (reason !== null) return { mutant, verdict: "explained", by: reason };
  return {
    mutant,
    verdict: "survived",
    by: applied ? "" : "no test loads the file, or it changed meanwhile",
  };
}

function textOf(run: Exclude<TestRun, { kind: "reported" }>): string {
  return run.kind === "broken" ? run.output : "time-out";
}
