/**
 * Changes the sources that keep the promises, one small fault at a time, and expects a test to notice each.
 * Nothing is written into the tree. See docs/mutants.md.
 */
import os from "node:os";
import { commandLine } from "../lib/command-line.ts";
import { staleExplanations } from "./equivalent.ts";
import { generateMutants, namedMutants } from "./generate.ts";
import { judgeMutants } from "./judge.ts";
import type { Mutant } from "./mutant.ts";
import { describe, Report } from "./report.ts";
import { TARGET_NAMES, type TargetName } from "./targets.ts";
import { endAllRunners } from "./test-runner.ts";

const LOW_PRIORITY = 10;

const USAGE = `npm run mutants -- [options]
  --target all         only one target: ${TARGET_NAMES.join(", ")}
  --named              only the faults told by name
  --only ID,ID         only these
  --list               says what would be changed, runs nothing`;

const { values, oneOf, refuse } = commandLine(USAGE, {
  options: {
    target: { type: "string", default: "all" },
    named: { type: "boolean", default: false },
    only: { type: "string" },
    list: { type: "boolean", default: false },
  },
});

process.on("exit", endAllRunners);
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(130));

const mutantsByTarget = new Map(targets().map((target) => [target, selectMutants(target)]));
const all = [...mutantsByTarget.values()].flat();
if (all.length === 0) refuse("There is no such mutant: --list names them.");
if (values.list) for (const mutant of all) console.log(describe(mutant));
else await run();

async function run(): Promise<void> {
  os.setPriority(LOW_PRIORITY);
  const report = new Report(all.length);
  for (const [target, mutants] of mutantsByTarget) {
    if (mutants.length === 0) continue;
    await judgeMutants(target, mutants, (outcome) => report.add(outcome));
  }
  report.print();
  if (values.only === undefined && !values.named) {
    for (const { file, line } of staleExplanations(all))
      console.log(`explained, but no longer made: ${file}: ${line}`);
  }
  process.exitCode = report.isClean ? 0 : 1;
}

function targets(): readonly TargetName[] {
  const name = oneOf("--target", values.target, ["all", ...TARGET_NAMES]);
  return name === "all" ? TARGET_NAMES : [name];
}

function selectMutants(target: TargetName): readonly Mutant[] {
  const named = namedMutants(target);
  const found = values.named ? named : [...named, ...generateMutants(target)];
  const wanted = values.only?.split(",");
  return wanted === undefined ? found : found.filter(({ id }) => wanted.includes(id));
}
