/** What the bench says to its Worker, and what it hears. Plain data; both sides trust each other. */

export interface Traffic {
  readonly customer: string;
  /** Number of the first event: its dedupe and order key. */
  readonly first: number;
  readonly count: number;
  readonly lookahead: number;
}

export interface BenchSettings {
  readonly modelMs: number;
  readonly driverSlots: number;
  /** false: rings are counted and dropped, so that nothing is driven behind the bench's back. */
  readonly answerRings: boolean;
}

export type BenchCommand =
  /** For every driver from now on. */
  | { readonly kind: "configure"; readonly settings: BenchSettings }
  /** One invocation of the lane's consumer with these events as its batch; answers when it returns. */
  | { readonly kind: "consume"; readonly traffic: Traffic }
  /** Appends without asking for the lease, in calls of `perCall` events, one after the other. */
  | { readonly kind: "append"; readonly traffic: Traffic; readonly perCall: number }
  /** One invocation of the lane's consumer that was rung for this customer. */
  | { readonly kind: "ring"; readonly customer: string }
  /** Stores finished events by SQL, past the machine. */
  | { readonly kind: "fill"; readonly customer: string; readonly count: number }
  /** Ends the first open events by SQL, and restarts the object, so that a later part of a backlog is at its head. */
  | { readonly kind: "finish"; readonly customer: string; readonly count: number }
  /** Claims and releases the lease `count` times. */
  | { readonly kind: "claim"; readonly customer: string; readonly count: number }
  | { readonly kind: "read"; readonly customers: readonly string[] }
  | { readonly kind: "reset" };

/** Calls to Durable Objects since the last reset, and what else costs. */
export interface Counts {
  readonly offer: number;
  readonly claim: number;
  readonly exchange: number;
  readonly alarm: number;
  readonly admit: number;
  readonly settle: number;
  /** Not requests: answers of the guard that say "later"; rings of the lane; alarms set (each is billed as a row written). */
  readonly denied: number;
  readonly ring: number;
  readonly setAlarm: number;
}

export interface Effects {
  readonly count: number;
  readonly outOfOrder: number;
  readonly firstStartMs: number;
  readonly lastEndMs: number;
}

export interface BenchReading {
  readonly counts: Counts;
  readonly rowsWritten: number;
  readonly openEvents: number;
  readonly effects: Effects;
}

export function requestsOf(counts: Counts): number {
  const { offer, claim, exchange, alarm, admit, settle } = counts;
  return offer + claim + exchange + alarm + admit + settle;
}
