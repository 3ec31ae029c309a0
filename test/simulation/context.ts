/** What every part of the simulated world shares. */
import type { VirtualClock } from "./clock.ts";
import type { Faults } from "./faults.ts";
import { SimProcess, type ProcessKind } from "./process.ts";
import type { Chance } from "./random.ts";
import type { Trace } from "./trace.ts";

export interface Violation {
  readonly rule: string;
  readonly detail: string;
}

/** How far any two clocks of the simulated world may be apart. */
export const MAX_SKEW_MS = 400;
const CLOCK_JUMP_MS = 300;

export class Context {
  readonly clock: VirtualClock;
  readonly chance: Chance;
  readonly faults: Faults;
  readonly trace: Trace;
  violation: Violation | null = null;
  private made = 0;

  constructor(clock: VirtualClock, chance: Chance, faults: Faults, trace: Trace) {
    this.clock = clock;
    this.chance = chance;
    this.faults = faults;
    this.trace = trace;
  }

  /** The first one counts: what follows from it proves nothing. */
  violate(rule: string, detail: string): void {
    if (this.violation !== null) return;
    this.violation = { rule, detail };
    this.trace.line(`VIOLATED ${rule}: ${detail}`);
  }

  check(holds: boolean, rule: string, detail: () => string): void {
    if (!holds) this.violate(rule, detail());
  }

  newId(prefix: string): string {
    return `${prefix}${++this.made}`;
  }

  startProcess(kind: ProcessKind, name: string): SimProcess {
    const skewed = this.faults.strikes("clock_skewed", 0.5);
    const skewMs = skewed ? this.faults.stream("clock_skewed").integer(-MAX_SKEW_MS, MAX_SKEW_MS) : 0;
    return new SimProcess(kind, name, this.clock, skewMs);
  }

  /** A clock that is set back while its process runs; never outside the bound on skew. */
  setBackClock(process: SimProcess): void {
    if (process.skewMs - CLOCK_JUMP_MS < -MAX_SKEW_MS) return;
    process.skewMs -= CLOCK_JUMP_MS;
    this.faults.count("clock_went_back");
    this.trace.line(`${process.name} clock set back`);
  }
}
