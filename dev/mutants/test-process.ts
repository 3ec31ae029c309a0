/**
 * The child's side: runs a target's tests again and again, each time over another mutant that its parent names. Sources
 * are as they were at the first run, so that what others change meanwhile kills nothing. Writes nothing into the tree.
 */
import path from "node:path";
import { createVitest, type Reporter } from "vitest/node";
import type { MutantOrder, TestReport } from "./mutant.ts";
import { Mutator } from "./mutator.ts";
import { isTargetName } from "./targets.ts";
import { ROOT, vitestSetup } from "./vitest-options.ts";

const [, , target = "", slot = "0"] = process.argv;
if (!isTargetName(target)) throw new Error(`no such target: ${target}`);

const mutator = new Mutator(ROOT);
let report: TestReport = { applied: false, passed: 0, files: 0, failures: ["no test ran"] };

const reporter: Reporter = {
  onTestRunEnd(modules, errors) {
    const cases = modules.flatMap((module) => [...module.children.allTests()]);
    const failed = cases.filter((test) => test.result().state === "failed");
    const broken = [...modules.flatMap((module) => module.errors()), ...errors];
    report = {
      applied: mutator.applied,
      passed: cases.filter((test) => test.result().state === "passed").length,
      files: modules.length,
      failures: [...failed.map((test) => test.fullName), ...broken.map((error) => `error: ${error.message}`)],
    };
  },
};

const { options, vite } = vitestSetup(target, mutator, reporter, slot);
const vitest = await createVitest("test", options, vite);
await vitest.start();
process.send?.(report);

process.on("message", (order: MutantOrder) => {
  void runOver(order).then(
    () => process.send?.(report),
    (thrown: unknown) => {
      console.error(thrown);
      process.exit(1);
    },
  );
});
process.on("disconnect", () => process.exit(0));

async function runOver(order: MutantOrder): Promise<void> {
  for (const file of mutator.use(order)) vitest.invalidateFile(path.normalize(file));
  await vitest.rerunTestSpecifications(await vitest.globTestSpecifications(), true);
}
