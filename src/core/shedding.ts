/**
 * When a lane is so deep that new events are better left with their senders. Decides from what the lanes said of
 * themselves last, and from nothing else: pure.
 *
 * A lane's pressure is its backlog as a share of its limit. What counts for an event is the highest pressure among its
 * own lane and the more important ones, so a flood of low events never keeps a high one out. From the limit on low
 * events are shed, from one and a half times the limit normal ones too, from twice the limit all.
 */
import { PRIORITIES, type Priority } from "./policy.ts";

export type LaneLimits = Readonly<Record<Priority, { readonly maxBacklog: number }>>;

/** What one queue of a lane said when it was last written to. */
export interface DepthReading {
  readonly backlog: number;
  readonly readAtMs: number;
}

/** Of every queue of a lane that has said something. */
export type DepthReadings = Readonly<Record<Priority, readonly DepthReading[]>>;

export const SHED_FROM_PRESSURE: Readonly<Record<Priority, number>> = { low: 1, normal: 1.5, high: 2 };

/**
 * @param freshMs older readings count no more. A lane whose events are shed is not written to, so each time its
 * reading grows old one event goes through and measures anew
 */
export function isShed(
  priority: Priority,
  readings: DepthReadings,
  limits: LaneLimits,
  nowMs: number,
  freshMs: number,
): boolean {
  // The list starts with the most important one.
  const lanes = PRIORITIES.slice(0, PRIORITIES.indexOf(priority) + 1);
  return lanes.some((lane) => {
    const fresh = readings[lane].filter(({ readAtMs }) => nowMs - readAtMs <= freshMs);
    const backlog = fresh.reduce((sum, reading) => sum + reading.backlog, 0);
    return backlog >= limits[lane].maxBacklog * SHED_FROM_PRESSURE[priority];
  });
}

/** The most important priority among some: what decides for events that come together. */
export function highestOf(priorities: readonly Priority[]): Priority | null {
  return PRIORITIES.find((priority) => priorities.includes(priority)) ?? null;
}
