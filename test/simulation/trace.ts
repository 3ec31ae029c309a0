/** What happened, as text: a hash over all of it, and the last lines for whoever has to understand a failure. */
import { createHash } from "node:crypto";
import { SIMULATION_STARTS_AT_MS, type VirtualClock } from "./clock.ts";

const KEPT_LINES = 400;

export class Trace {
  private readonly hash = createHash("sha256");
  private readonly clock: VirtualClock;
  private readonly kept: string[] = [];
  private readonly keepAll: boolean;

  constructor(clock: VirtualClock, keepAll = false) {
    this.clock = clock;
    this.keepAll = keepAll;
  }

  line(text: string): void {
    const line = `${((this.clock.nowMs - SIMULATION_STARTS_AT_MS) / 1_000).toFixed(3)} ${text}`;
    this.hash.update(line);
    this.kept.push(line);
    if (!this.keepAll && this.kept.length > 2 * KEPT_LINES) this.kept.splice(0, KEPT_LINES);
  }

  tail(lines: number): readonly string[] {
    return this.kept.slice(-lines);
  }

  digest(): string {
    return this.hash.copy().digest("hex").slice(0, 32);
  }
}

/** The end of an id tells events of one run apart. */
export function short(id: string): string {
  return id.slice(-6);
}
