/**
 * Requests and tokens per minute. Two rules, both of which a grant must pass:
 *
 *   window   in no 60 s is more granted than the limit. Counted in buckets of half a second, which leave
 *            the count as a whole, `transitMs` late: the other side counts when calls arrive
 *   pace     virtual scheduling (GCRA): each unit takes 60 s / limit of virtual time, and virtual time may
 *            run ahead of the clock by `burstMs`. Spreads calls; says when the next turn comes
 *
 * Every rule holds for each priority's share of the limit. Pure; never waits.
 */
import { levelsFrom, usedUpTo, withAmount, type Level } from "./levels.ts";
import type { Bucket, RateState, Triple } from "./model.ts";
import type { GuardSettings } from "./settings.ts";

export type RateKind = "requests" | "tokens";

/** Caps per minute, by level; null where nothing is limited. */
export type Caps = Readonly<Record<RateKind, Triple | null>>;

export interface Cost {
  readonly requests: number;
  readonly tokens: number;
}

export const NO_COST: Cost = { requests: 0, tokens: 0 };

/** From when on `amount` may be granted; in the past when it may be now. */
export function earliestMs(
  rate: RateState,
  kind: RateKind,
  caps: Triple,
  amount: number,
  level: Level,
  settings: GuardSettings,
): number {
  let atMs = 0;
  for (const at of levelsFrom(level)) {
    // A call larger than its whole share takes all of it: it waits for an empty minute instead of for ever.
    const room = caps[at] - Math.min(amount, caps[at]);
    atMs = Math.max(
      atMs,
      rate.paceMs[kind][at] - settings.burstMs,
      fitsFromMs(rate.buckets, kind, at, room, settings),
    );
  }
  return atMs;
}

/** When enough of the window has passed that at most `room` is left in it. Newest first: what overflows must leave. */
function fitsFromMs(
  buckets: readonly Bucket[],
  kind: RateKind,
  level: Level,
  room: number,
  settings: GuardSettings,
): number {
  let used = 0;
  for (const bucket of buckets.toReversed()) {
    used += usedUpTo(bucket[kind], level);
    if (used > room) return leavesAtMs(bucket, settings);
  }
  return 0;
}

export interface Charge {
  readonly nowMs: number;
  /** When it counts: not before now, and later for a call that may begin later. */
  readonly countsAtMs: number;
}

/**
 * Records a grant. Pace never runs further ahead than grants count: by then the window has forgotten all of them. What many restarts in
 * a row take for granted would add up to minutes otherwise.
 */
export function charge(
  rate: RateState,
  cost: Cost,
  caps: Caps,
  level: Level,
  { nowMs, countsAtMs }: Charge,
  settings: GuardSettings,
): RateState {
  const startMs = startOfBucketMs(countsAtMs, settings);
  const kept = rate.buckets.filter((bucket) => leavesAtMs(bucket, settings) > nowMs);
  const target = kept.find((bucket) => bucket.startMs === startMs) ?? {
    startMs,
    requests: ZERO,
    tokens: ZERO,
  };
  const added = {
    startMs,
    requests: withAmount(target.requests, level, target.requests[level] + cost.requests),
    tokens: withAmount(target.tokens, level, target.tokens[level] + cost.tokens),
  };
  const paceMs = (kind: RateKind) => {
    const kindCaps = caps[kind];
    if (kindCaps === null) return rate.paceMs[kind];
    const furthestMs = nowMs + countedMs(settings);
    return movePace(rate.paceMs[kind], cost[kind], level, (at, pacedMs) => {
      const takenMs = spreadIntervalMs(rate, kind, kindCaps, cost[kind], at, nowMs, settings);
      return Math.max(pacedMs, Math.min(Math.max(pacedMs, nowMs) + takenMs, furthestMs));
    });
  };
  return {
    buckets: [
      ...kept.filter((bucket) => bucket.startMs < startMs),
      added,
      ...kept.filter((bucket) => bucket.startMs > startMs),
    ],
    paceMs: { requests: paceMs("requests"), tokens: paceMs("tokens") },
  };
}

/** Gives back what was reserved and not used, where and when it was taken. */
export function refund(
  rate: RateState,
  cost: Cost,
  caps: Caps,
  level: Level,
  countedAtMs: number,
  settings: GuardSettings,
): RateState {
  const startMs = startOfBucketMs(countedAtMs, settings);
  const less = (amounts: Triple, amount: number) =>
    withAmount(amounts, level, Math.max(0, amounts[level] - amount));
  const buckets = rate.buckets.map((bucket) =>
    bucket.startMs === startMs
      ? {
          ...bucket,
          requests: less(bucket.requests, cost.requests),
          tokens: less(bucket.tokens, cost.tokens),
        }
      : bucket,
  );
  // Never more than was taken.
  const paceMs = (kind: RateKind) => {
    const kindCaps = caps[kind];
    if (kindCaps === null) return rate.paceMs[kind];
    const givenMs = (at: Level) => evenIntervalMs(kindCaps, cost[kind], at, settings);
    return movePace(
      rate.paceMs[kind],
      cost[kind],
      level,
      (at, pacedMs) => Math.max(pacedMs, 0) - givenMs(at),
    );
  };
  return { buckets, paceMs: { requests: paceMs("requests"), tokens: paceMs("tokens") } };
}

/** How many units are free now, by window and pace, on every share they count against. */
export function freeNow(
  rate: RateState,
  kind: RateKind,
  caps: Triple,
  level: Level,
  nowMs: number,
  settings: GuardSettings,
): number {
  const used = usedInWindow(rate, kind, nowMs, settings);
  const free = levelsFrom(level).map((at) => {
    const aheadMs = Math.max(0, rate.paceMs[kind][at] - nowMs);
    const byPace = (settings.burstMs - aheadMs) / evenIntervalMs(caps, 1, at, settings);
    return Math.min(caps[at] - usedUpTo(used, at), byPace);
  });
  return Math.max(0, Math.min(...free));
}

/** What counts in the last minute, by priority; also what was granted ahead. */
export function usedInWindow(
  rate: RateState,
  kind: RateKind,
  nowMs: number,
  settings: GuardSettings,
): Triple {
  let used: Triple = ZERO;
  for (const bucket of rate.buckets) {
    if (leavesAtMs(bucket, settings) <= nowMs) continue;
    used = [used[0] + bucket[kind][0], used[1] + bucket[kind][1], used[2] + bucket[kind][2]];
  }
  return used;
}

/** How far apart calls of this amount can follow each other for long: what is granted counts for more than a minute. */
export function sustainedIntervalMs(
  caps: Triple,
  amount: number,
  level: Level,
  settings: GuardSettings,
): number {
  return (Math.min(amount, caps[level]) * countedMs(settings)) / caps[level];
}

/** Virtual time that `amount` takes at an even pace. */
function evenIntervalMs(caps: Triple, amount: number, level: Level, settings: GuardSettings): number {
  return (Math.min(amount, caps[level]) * settings.windowMs) / caps[level];
}

/**
 * Virtual time that a call of this amount takes: as at an even pace, and longer where the window would be full before it forgets
 * as much again. So what is left is spread over the time until then, instead of being spent and followed by a gap.
 */
function spreadIntervalMs(
  rate: RateState,
  kind: RateKind,
  caps: Triple,
  amount: number,
  level: Level,
  nowMs: number,
  settings: GuardSettings,
): number {
  const evenMs = evenIntervalMs(caps, amount, level, settings);
  const leaving = rate.buckets.filter((bucket) => leavesAtMs(bucket, settings) > nowMs);
  let room = caps[level] - leaving.reduce((sum, bucket) => sum + usedUpTo(bucket[kind], level), 0);
  let spreadMs = evenMs;
  for (const bucket of leaving) {
    const inMs = leavesAtMs(bucket, settings) - nowMs;
    // What a burst has taken just now does not make the burst itself dearer.
    const isOlder = inMs <= countedMs(settings) - settings.burstMs;
    if (isOlder && room > 0) spreadMs = Math.max(spreadMs, (inMs * amount) / room);
    room += usedUpTo(bucket[kind], level);
  }
  return Math.min(spreadMs, evenMs * settings.maxStretch);
}

const ZERO: Triple = [0, 0, 0];

function startOfBucketMs(timeMs: number, settings: GuardSettings): number {
  return Math.floor(timeMs / settings.bucketMs) * settings.bucketMs;
}

/** How long a bucket stays in the count, from its beginning. */
function countedMs(settings: GuardSettings): number {
  return settings.bucketMs + settings.windowMs + settings.transitMs;
}

function leavesAtMs(bucket: Bucket, settings: GuardSettings): number {
  return bucket.startMs + countedMs(settings);
}

/** On every share the amount counts against. */
function movePace(
  pace: Triple,
  amount: number,
  level: Level,
  move: (at: Level, pacedMs: number) => number,
): Triple {
  if (amount === 0) return pace;
  return levelsFrom(level).reduce((moved, at) => withAmount(moved, at, move(at, moved[at])), pace);
}
