/** What one run is made of. All of it follows from the seed; a replay names what was shrunk. */
import { FAULT_KINDS, type FaultKind } from "./faults.ts";
import { Chance } from "./random.ts";

export interface Settings {
  readonly seed: number;
  /** Simulated happenings in the phase with faults. */
  readonly steps: number;
  /** Occurrences the senders report; duplicates and emitted events come on top. */
  readonly events: number;
  readonly faults: readonly FaultKind[];
  /** Whether a cron pokes every partition once a minute. */
  readonly sweep: boolean;
}

export const DEFAULT_STEPS = 700;
export const DEFAULT_EVENTS = 14;
/** From this many steps on a run has every fault. */
export const LONG_RUN_STEPS = 5_000;
const EVENTS_PER_STEP = DEFAULT_EVENTS / DEFAULT_STEPS;

export interface SettingsOptions {
  readonly seed: number;
  readonly steps?: number;
  readonly events?: number;
  readonly faults?: readonly FaultKind[];
  readonly sweep?: boolean;
}

export function settingsFor(options: SettingsOptions): Settings {
  const { seed, steps = DEFAULT_STEPS, sweep = true } = options;
  const events = options.events ?? Math.max(1, Math.round(steps * EVENTS_PER_STEP));
  const faults = options.faults ?? drawFaults(new Chance(seed).stream("faults"), steps);
  return { seed, steps, events, faults, sweep };
}

/** Short runs have some faults each: many at once hide what few together bring out. */
function drawFaults(chance: Chance, steps: number): readonly FaultKind[] {
  if (steps >= LONG_RUN_STEPS) return FAULT_KINDS;
  const share = chance.pick([0.1, 0.25, 0.5, 0.8]);
  return FAULT_KINDS.filter(() => chance.happens(share));
}
