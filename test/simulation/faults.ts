/** Everything that may go wrong, by name. Each kind is counted where it really happened. */
import type { Chance } from "./random.ts";

export const FAULT_KINDS = [
  // The way in, and the lanes.
  "send_lost",
  "send_answer_lost",
  "send_refused",
  "message_doubled",
  "message_delayed",
  "message_reordered",
  "acknowledgement_lost",
  // Drivers.
  "driver_killed",
  "driver_paused",
  "driver_paused_before_send",
  "ingest_killed",
  "deploy",
  // Calls to a partition.
  "rpc_lost",
  "rpc_answer_lost",
  "rpc_hung",
  "partition_unreachable",
  // The partition's object.
  "object_crashed_before_commit",
  "object_crashed_after_commit",
  "object_evicted",
  "statement_refused",
  "commit_refused",
  "alarm_dropped",
  "alarm_delayed",
  "report_lost",
  "ledger_down",
  // Clocks.
  "clock_skewed",
  "clock_went_back",
  // The outside.
  "model_down",
  "model_failed",
  "model_slow",
  "model_degraded",
  "guard_denied",
  "destination_down",
  "destination_failed",
  "destination_refused",
  "destination_answer_lost",
  "destination_late",
  "poison_event",
  // People.
  "operator_paused",
  "operator_replayed",
  "operator_skipped",
  "operator_reviewed",
  "operator_edited",
  "operator_discarded",
  // The cache at the edge.
  "cache_stale",
  "cache_forgot",
  "cache_slow",
  "cache_down",
  "cache_write_lost",
  "cache_write_late",
] as const;

export type FaultKind = (typeof FAULT_KINDS)[number];

export function isFaultKind(text: string): text is FaultKind {
  return (FAULT_KINDS as readonly string[]).includes(text);
}

export class Faults {
  readonly counts = new Map<FaultKind, number>();
  /** false: the phase in which everything must drain. */
  active = true;
  private readonly enabled: ReadonlySet<FaultKind>;
  private readonly streams = new Map<FaultKind, Chance>();
  private readonly chance: Chance;
  /** Some runs are rough, some nearly calm: each finds other things. */
  private readonly intensity: number;

  constructor(enabled: readonly FaultKind[], chance: Chance) {
    this.enabled = new Set(enabled);
    this.chance = chance;
    this.intensity = chance.stream("intensity").pick([0.3, 1, 1, 2]);
  }

  isEnabled(kind: FaultKind): boolean {
    return this.enabled.has(kind);
  }

  /** Whether it goes wrong here and now; counted when it does. */
  strikes(kind: FaultKind, probability: number): boolean {
    if (!this.active || !this.enabled.has(kind)) return false;
    if (!this.stream(kind).happens(Math.min(0.9, probability * this.intensity))) return false;
    this.count(kind);
    return true;
  }

  count(kind: FaultKind): void {
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
  }

  stream(kind: FaultKind): Chance {
    const known = this.streams.get(kind);
    if (known !== undefined) return known;
    const made = this.chance.stream(kind);
    this.streams.set(kind, made);
    return made;
  }
}

/** A time in which something stays broken. */
export class Outage {
  private readonly faults: Faults;
  private readonly kind: FaultKind;
  private readonly nowMs: () => number;
  private untilMs = 0;

  constructor(faults: Faults, kind: FaultKind, nowMs: () => number) {
    this.faults = faults;
    this.kind = kind;
    this.nowMs = nowMs;
  }

  begin(durationMs: number): void {
    this.untilMs = this.nowMs() + durationMs;
  }

  /** Counts what it hits. */
  hits(): boolean {
    if (!this.faults.active || this.untilMs <= this.nowMs()) return false;
    this.faults.count(this.kind);
    return true;
  }
}
