/** What is mutated, and which tests must notice. Tests run in the order named here: the fast ones first. */
import { globSync } from "node:fs";

export const TARGET_NAMES = ["core", "lanes", "object", "pipeline", "guard", "models", "cache"] as const;
export type TargetName = (typeof TARGET_NAMES)[number];

export interface Target {
  /** Project of `vitest.config.ts` that its tests run in. */
  readonly project: "core" | "workers";
  readonly sources: readonly string[];
  readonly tests: readonly string[];
}

export const TARGETS: Readonly<Record<TargetName, Target>> = {
  core: {
    project: "core",
    sources: ["src/core/partition/*.ts", "src/core/retry.ts"],
    tests: [
      "test/core/partition*.test.ts",
      "test/core/mutants-partition*.test.ts",
      "test/core/simulation-findings.test.ts",
      "test/core/sync-decide.test.ts",
      "test/core/driver.test.ts",
    ],
  },
  lanes: {
    project: "core",
    // The client of partitions and the asking of old ones run where the lanes run.
    sources: ["src/lanes/*.ts", "src/partition/client.ts", "src/partition/epochs.ts"],
    tests: [
      "test/core/mutants-lanes*.test.ts",
      "test/core/partition-versions.test.ts",
      "test/core/driver.test.ts",
    ],
  },
  object: {
    project: "workers",
    // `client.ts` and `epochs.ts` are of the lanes.
    sources: ["src/partition/!(client|epochs).ts"],
    // Without the test under random faults: what kills a mutant must kill it every time.
    tests: [
      "object",
      "durability",
      "upkeep",
      "store",
      "retention",
      "outbox",
      "pressure",
      "migrations",
      "epochs",
      "decision-object",
      "questions",
      "relief",
    ]
      .map((name) => `test/workers/partition-${name}.test.ts`)
      .concat("test/workers/ingest-repeats.test.ts"),
  },
  pipeline: {
    // Without the one test that needs workerd: plain Node is several times as fast.
    project: "core",
    sources: ["src/pipeline/deliver.ts", "src/pipeline/prepare.ts", "src/pipeline/runner.ts"],
    tests: [
      "test/workers/pipeline-deliver.test.ts",
      "test/workers/pipeline-prepare.test.ts",
      "test/workers/pipeline-!(budgets).test.ts",
      "test/core/mutants-pipeline*.test.ts",
    ],
  },
  guard: {
    project: "core",
    sources: [
      "src/core/guard/*.ts",
      "src/core/{budget,flight}.ts",
      "src/guard/{permit-pool,held-permits,shards}.ts",
    ],
    // Without those over random interleavings: what kills a mutant must kill it every time.
    tests: [
      "test/core/mutants-guard*.test.ts",
      "test/core/guard-!(*properties|consumers|flood|deferred).test.ts",
      "test/core/{budget,flight}.test.ts",
      "test/core/guard-{consumers,flood}.test.ts",
    ],
  },
  models: {
    project: "core",
    sources: ["src/models/{deadlines,upstream-reader,classify}.ts", "src/core/classify/model-error.ts"],
    // Those in `workers/` need nothing of workerd, and plain Node is several times as fast.
    tests: [
      "test/core/mutants-models*.test.ts",
      "test/core/classify-*.test.ts",
      "test/core/models-{stream,prices,providers,hostile}.test.ts",
      "test/workers/models-{call,classify,limits,registry}.test.ts",
    ],
  },
  cache: {
    project: "workers",
    sources: ["src/cache/*.ts"],
    tests: ["test/workers/cache-*.test.ts", "test/workers/pipeline-infer.test.ts"],
  },
};

export function isTargetName(name: string): name is TargetName {
  return TARGET_NAMES.some((known) => known === name);
}

export function sourcesOf(target: TargetName): string[] {
  return TARGETS[target].sources.flatMap((pattern) => globSync(pattern).sort());
}

/** Each file once, in the order of the patterns. */
export function testsOf(target: TargetName): string[] {
  return [...new Set(TARGETS[target].tests.flatMap((pattern) => globSync(pattern).sort()))];
}
