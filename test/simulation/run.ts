/** One run from its settings to its verdict. The same settings give the same run, to the last line of its trace. */
import type { Violation } from "./context.ts";
import type { EffectStatistics } from "./effect-rules.ts";
import type { FaultKind } from "./faults.ts";
import { installVirtualRuntime } from "./globals.ts";
import type { PartitionClass } from "./object-module.ts";
import { Chance } from "./random.ts";
import type { DecisionStatistics } from "./decision-rules.ts";
import type { LogStatistics } from "./rules.ts";
import type { Settings } from "./settings.ts";
import { World } from "./world.ts";

export interface RunResult {
  readonly settings: Settings;
  readonly violation: Violation | null;
  readonly steps: number;
  readonly simulatedMs: number;
  readonly accepted: number;
  readonly keptUndeliverable: number;
  readonly stranded: number;
  readonly faults: ReadonlyMap<FaultKind, number>;
  readonly effects: EffectStatistics;
  readonly log: LogStatistics;
  readonly decisions: DecisionStatistics;
  readonly traceHash: string;
  readonly trace: readonly string[];
}

const TAIL_LINES = 120;

export async function simulate(
  settings: Settings,
  objectClass: PartitionClass,
  traceLines = TAIL_LINES,
): Promise<RunResult> {
  const world = new World(settings, objectClass, traceLines > TAIL_LINES);
  const { context, rules } = world;
  const startedAtMs = context.clock.nowMs;
  const restore = installVirtualRuntime({
    clock: context.clock,
    trace: context.trace,
    chance: new Chance(settings.seed),
  });
  try {
    await world.run();
  } finally {
    restore();
    world.close();
  }
  return {
    settings,
    violation: context.violation,
    steps: world.steps,
    simulatedMs: context.clock.nowMs - startedAtMs,
    accepted: rules.accepted.size,
    keptUndeliverable: rules.kept.size,
    stranded: world.operators.stranded,
    faults: context.faults.counts,
    effects: rules.effects.statistics,
    log: rules.statistics,
    decisions: rules.decisions.statistics,
    traceHash: context.trace.digest(),
    trace: context.trace.tail(traceLines),
  };
}
