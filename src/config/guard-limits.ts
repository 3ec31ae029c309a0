/** The guard's numbers, each with its unit and its reason; part of `LIMITS`. */
import { HOUR_MS, MINUTE_MS, SECOND_MS } from "./units.ts";

export const GUARD_LIMITS = {
  /** A slot whose caller does not renew it, and names no time of its own, is free again after this. */
  slotLeaseMs: 120 * SECOND_MS,
  /** A slot of a caller that renews it: how long a caller that died keeps it. */
  renewedLeaseMs: 20 * SECOND_MS,
  /** How often it is renewed: two renewals may be lost. A call that is over by then costs nothing. */
  renewEveryMs: 6 * SECOND_MS,
  /** How often a guard writes its state. A restart never creates capacity. */
  flushEveryMs: SECOND_MS,
  /** A driver waits for its turn in place up to this long; beyond it the event is deferred. */
  waitInPlaceMs: 2 * SECOND_MS,
  /** The deferral when the guard itself cannot be reached. */
  unreachableDeferMs: 5 * SECOND_MS,
  /** A call that is known to take longer may ask for a longer slot, up to this. */
  maxSlotLeaseMs: 15 * MINUTE_MS,
  /** Limits are per minute: what is counted, and how finely. A finer count costs state, a coarser one throughput. */
  windowMs: MINUTE_MS,
  bucketMs: SECOND_MS / 2,
  /** How unevenly calls may travel: one that was held up must not arrive within a minute that others have filled. */
  transitMs: SECOND_MS,
  /** How far calls may run ahead of an even pace: callers don't arrive evenly, providers dislike bursts. */
  burstMs: 6 * SECOND_MS,
  /** How many times slower than even calls are spread at most: what a burst has taken is soon made up. */
  maxStretch: 2,
  /** The part of every limit that a priority and those below it may use together. */
  shares: { low: 0.5, normal: 0.8, high: 1 },
  /** Permits under way, whatever the limits: bounds the state. More than 250 consumers hold at once. */
  maxPermits: 2_000,
  /** Part of a limit that may be granted between two writes: what a restart takes for used. */
  unwrittenShare: 0.1,
  /** Permit numbers skipped at a restart: more than an object can grant between two writes. */
  permitIdsPerRestart: 100_000,
  /** Capacity that must lie unused before a newcomer takes it from callers whose turn was set. */
  yieldMs: 500,
  /** No turn is set further ahead; beyond it callers are spread by chance. */
  maxTurnMs: 10 * MINUTE_MS,
  /** The gap between turns where no rate gives one. */
  turnStepMs: 50,
  /** The latency assumed before the first answer. */
  expectedLatencyMs: SECOND_MS,
  /** From this part of the slots on, a settlement must not wait for a ride on the next admission. */
  contendedShare: 0.5,
  /** Calls granted ahead: how long a client may keep such a permit. It counts until then, so longer costs throughput. */
  blockHoldMs: 2 * SECOND_MS,
  /** Most permits of a block: what an isolate that dies takes along, and what settles on one later call. */
  maxBlockCalls: 10,
  /** Part of what is free of a rate that one block may take: the next caller finds the rest. */
  blockShare: 0.1,
  /** Part of the slots that blocks and unsent settlements may keep from others. None where slots are few. */
  idleSlotShare: 0.25,
  /** Adapting to the other side: 429s, `Retry-After`, remaining/reset headers. */
  adapt: {
    /** One overload answers many calls at once: the rate changes once per this time. */
    everyMs: 5 * SECOND_MS,
    minFactor: 1 / 16,
    factorStep: 0.1,
    /** Where no limit is configured, the rate of the last minute is halved, but not below half of this. */
    minObservedPerMinute: 60,
    /** The pause after a 429 without `Retry-After`; doubles with each that follows. */
    firstPauseMs: SECOND_MS,
    defaultMaxPauseMs: MINUTE_MS,
    /** `Retry-After` is obeyed up to this: longer ones are taken for nonsense, as in `headers`. */
    maxPauseMs: HOUR_MS,
    /** How long a remaining/reset hint holds: resets are often told as the time until the bucket is full. */
    hintHoldMs: 10 * SECOND_MS,
  },
  breaker: {
    /** Opens at this share of failures among at least so many calls in this time. */
    failureShare: 0.5,
    minCalls: 5,
    sampleMs: MINUTE_MS,
    sampleBucketMs: 5 * SECOND_MS,
    /** Doubles with each opening that follows before it has closed. */
    cooldownMs: 30 * SECOND_MS,
    maxCooldownMs: 5 * MINUTE_MS,
    /** Calls at once after a good probe, one more with each success; closed beyond the second number. */
    rampFrom: 2,
    rampTo: 16,
  },
  /** Requests a minute that one guard's object serves: 200 a second, each with its settlement riding along. */
  shardRequestsPerMinute: 12_000,
  maxShards: 64,
  /** A shard's part of a limit is no smaller: shares of it are rounded down, at least one. */
  minShardPart: 10,
  /** A guard that has not answered by then is unreachable: a call's own time-out must not be spent here. */
  answerWithinMs: 2 * SECOND_MS,
  /** Settlements that ride on one call: itty-durable carries arguments in a request header. */
  maxSettlementsPerCall: 40,
  /** Settlements a client holds; the oldest beyond it are left to their permits' expiry. */
  maxQueuedSettlements: 1_000,
} as const;
