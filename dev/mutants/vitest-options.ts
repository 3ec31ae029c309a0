/** Vitest as mutants need it: the project's own settings, restricted to the tests of one target. */
import path from "node:path";
import type { TestProjectInlineConfiguration, UserWorkspaceConfig } from "vitest/config";
import { BaseSequencer, type CliOptions, type Reporter, type TestSpecification } from "vitest/node";
import baseConfig from "../../vitest.config.ts";
import type { Mutator } from "./mutator.ts";
import { TARGETS, testsOf, type TargetName } from "./targets.ts";

export const ROOT = path.resolve(import.meta.dirname, "../..");

export interface VitestSetup {
  readonly options: CliOptions;
  readonly vite: UserWorkspaceConfig;
}

/** @param slot keeps the caches of processes at the same time apart */
export function vitestSetup(
  target: TargetName,
  mutator: Mutator,
  reporter: Reporter,
  slot: string,
): VitestSetup {
  const base = baseProject(TARGETS[target].project);
  const tests = testsOf(target);
  const project: TestProjectInlineConfiguration = {
    ...base,
    root: ROOT,
    plugins: [mutator.plugin(), ...(base.plugins ?? [])],
    // All that are named, wherever else they run.
    test: { ...base.test, include: tests, exclude: [] },
  };
  return {
    options: {
      root: ROOT,
      config: false,
      watch: false,
      // Its key knows nothing of mutants.
      fsModuleCache: false,
      cache: false,
      reporters: [reporter],
      silent: true,
      bail: 1,
      pool: "threads",
      // One worker for all files of a run; the next run has another one.
      isolate: false,
      maxWorkers: 1,
      sequence: { sequencer: inOrderOf(tests) },
      projects: [project],
    },
    vite: { cacheDir: path.join(ROOT, "node_modules/.cache", `mutants-${slot}`) },
  };
}

function baseProject(name: string): TestProjectInlineConfiguration {
  const found = baseConfig.test?.projects?.find((project): project is TestProjectInlineConfiguration => {
    return typeof project === "object" && "test" in project && project.test?.name === name;
  });
  if (found === undefined) throw new Error(`vitest.config.ts has no project ${name}`);
  return found;
}

/** Fast tests first: most mutants never see the slow ones. */
function inOrderOf(tests: readonly string[]) {
  const placeOf = (file: TestSpecification) => tests.indexOf(path.relative(ROOT, file.moduleId));
  return class extends BaseSequencer {
    override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
      return files.toSorted((left, right) => placeOf(left) - placeOf(right));
    }
  };
}
