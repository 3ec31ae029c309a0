/**
 * Something that runs code and can die, freeze or have a wrong clock: a consumer invocation, an ingest request,
 * a loaded Durable Object. Code that it started carries it along, so that timers belong to somebody.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import type { VirtualClock } from "./clock.ts";

export type ProcessKind = "consumer" | "ingest" | "object" | "operator";

export class SimProcess {
  readonly kind: ProcessKind;
  readonly name: string;
  alive = true;
  pausedUntilMs = 0;
  skewMs: number;
  private readonly clock: VirtualClock;
  private readonly atDeath: (() => void)[] = [];

  constructor(kind: ProcessKind, name: string, clock: VirtualClock, skewMs: number) {
    this.kind = kind;
    this.name = name;
    this.clock = clock;
    this.skewMs = skewMs;
  }

  /** Time as this process sees it. */
  nowMs(): number {
    return Math.round(this.clock.nowMs + this.skewMs);
  }

  isPaused(): boolean {
    return this.pausedUntilMs > this.clock.nowMs;
  }

  onDeath(act: () => void): void {
    this.atDeath.push(act);
  }

  /** Its continuations never run again. */
  die(): void {
    if (!this.alive) return;
    this.alive = false;
    for (const act of this.atDeath) act();
  }

  /** Runs code as this process. */
  run<Value>(work: () => Value): Value {
    return running.run(this, work);
  }
}

const running = new AsyncLocalStorage<SimProcess>();

export function runningProcess(): SimProcess | null {
  return running.getStore() ?? null;
}

/** For what a dead process awaits. */
export function never<Value>(): Promise<Value> {
  return new Promise<Value>(() => {});
}
