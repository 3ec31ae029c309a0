/**
 * `npm run simulate`: many seeds, or one again. Ends with 1 when a promise is broken, or when a large batch never saw
 * one of the faults it should have seen.
 */
import { commandLine } from "../../dev/lib/command-line.ts";
import { FAULT_KINDS, isFaultKind, type FaultKind } from "./faults.ts";
import { loadPartitionClass } from "./object-module.ts";
import { BatchReport, replayCommand } from "./report.ts";
import { simulate, type RunResult } from "./run.ts";
import { DEFAULT_EVENTS, DEFAULT_STEPS, settingsFor, type Settings } from "./settings.ts";
import { shrink } from "./shrink.ts";

const PROGRESS_EVERY_MS = 2_000;
const SHOWN_TRACE_LINES = 60;

const USAGE = `npm run simulate -- [options]
  --seeds 200          how many runs; with --seed: 1
  --seed 1             the first run's seed; the others follow it
  --steps ${DEFAULT_STEPS}          of a run
  --events N           default: by the steps, ${DEFAULT_EVENTS} for ${DEFAULT_STEPS}
  --faults KIND,KIND   only these, or none; default: drawn from the seed
  --no-sweep           without the cron that pokes every partition
  --trace              print everything that happens`;

const { values, wholeNumber, refuse } = commandLine(USAGE, {
  options: {
    seeds: { type: "string" },
    seed: { type: "string" },
    steps: { type: "string" },
    events: { type: "string" },
    faults: { type: "string" },
    "no-sweep": { type: "boolean", default: false },
    trace: { type: "boolean", default: false },
  },
});

const firstSeed = wholeNumber("--seed", values.seed ?? "1", { atLeast: 0 });
const seeds = wholeNumber("--seeds", values.seeds ?? (values.seed === undefined ? "200" : "1"), {
  atLeast: 1,
});
const { steps, events } = values;
const lengths = {
  ...(steps === undefined ? {} : { steps: wholeNumber("--steps", steps, { atLeast: 0 }) }),
  ...(events === undefined ? {} : { events: wholeNumber("--events", events, { atLeast: 0 }) }),
};
const asked = faultsOf(values.faults);
const objectClass = await loadPartitionClass();
process.exitCode = await runBatch();

async function runBatch(): Promise<number> {
  const report = new BatchReport();
  let shownAtMs = performance.now();
  for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
    const settings = settingsFor({
      seed,
      ...lengths,
      ...(asked === undefined ? {} : { faults: asked }),
      sweep: !values["no-sweep"],
    });
    const result = await simulate(settings, objectClass, values.trace ? Number.MAX_SAFE_INTEGER : undefined);
    report.add(result);
    if (values.trace) print(...result.trace);
    if (result.violation !== null) return fail(result);
    if (performance.now() - shownAtMs < PROGRESS_EVERY_MS) continue;
    shownAtMs = performance.now();
    print(`seed ${seed}: ${report.runs} of ${seeds} runs, ${report.steps} steps, nothing broken`);
  }
  print(...report.lines());
  const missing = report.missing(asked ?? FAULT_KINDS);
  if (missing.length === 0) return 0;
  print(`never happened, so nothing was shown about them: ${missing.join(", ")}`);
  return 1;
}

async function fail(failed: RunResult): Promise<number> {
  print(
    "",
    `seed ${failed.settings.seed} broke a promise: ${failed.violation?.rule}: ${failed.violation?.detail}`,
  );
  print(replayCommand(failed.settings), "", "making it smaller …");
  const smallest = await shrink(failed, (settings: Settings) => simulate(settings, objectClass));
  print(...smallest.trace.slice(-SHOWN_TRACE_LINES), "");
  print(`${smallest.violation?.rule}: ${smallest.violation?.detail}`, replayCommand(smallest.settings));
  return 1;
}

function faultsOf(text: string | undefined): readonly FaultKind[] | undefined {
  if (text === undefined) return undefined;
  if (text === "none") return [];
  return text.split(",").map((kind) => {
    if (isFaultKind(kind)) return kind;
    return refuse(`--faults: there is no "${kind}". Known: ${FAULT_KINDS.join(", ")}`);
  });
}

function print(...lines: readonly string[]): void {
  process.stdout.write(`${lines.join("\n")}\n`);
}
