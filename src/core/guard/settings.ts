/** Named numbers the guard is given; their reasons stand in `config/limits.ts`. */
import type { Priority } from "../policy.ts";

export interface GuardSettings {
  readonly windowMs: number;
  readonly bucketMs: number;
  readonly transitMs: number;
  readonly burstMs: number;
  readonly maxStretch: number;
  readonly shares: Readonly<Record<Priority, number>>;
  readonly slotLeaseMs: number;
  readonly renewedLeaseMs: number;
  readonly maxSlotLeaseMs: number;
  readonly maxPermits: number;
  readonly flushEveryMs: number;
  readonly unwrittenShare: number;
  readonly permitIdsPerRestart: number;
  readonly yieldMs: number;
  readonly maxTurnMs: number;
  readonly turnStepMs: number;
  readonly expectedLatencyMs: number;
  readonly contendedShare: number;
  readonly blockHoldMs: number;
  readonly maxBlockCalls: number;
  readonly blockShare: number;
  readonly idleSlotShare: number;
  readonly adapt: AdaptSettings;
  readonly breaker: BreakerSettings;
}

export interface AdaptSettings {
  readonly everyMs: number;
  readonly minFactor: number;
  readonly factorStep: number;
  readonly minObservedPerMinute: number;
  readonly firstPauseMs: number;
  readonly defaultMaxPauseMs: number;
  readonly maxPauseMs: number;
  readonly hintHoldMs: number;
}

export interface BreakerSettings {
  readonly failureShare: number;
  readonly minCalls: number;
  readonly sampleMs: number;
  readonly sampleBucketMs: number;
  readonly cooldownMs: number;
  readonly maxCooldownMs: number;
  readonly rampFrom: number;
  readonly rampTo: number;
}

/** What a step may know beside the state. Time and chance come from outside. */
export interface Moment {
  readonly nowMs: number;
  readonly settings: GuardSettings;
}
