/**
 * Priorities as levels. A level's cap binds what it and the levels below it use together: low may use half
 * of a limit, low and normal four fifths, all of them the whole.
 */
import type { Priority } from "../policy.ts";
import type { Triple } from "./model.ts";
import type { GuardSettings } from "./settings.ts";

export type Level = 0 | 1 | 2;

const LEVELS: readonly Level[] = [0, 1, 2];
const LEVEL_BY_PRIORITY: Readonly<Record<Priority, Level>> = { low: 0, normal: 1, high: 2 };

export function levelOf(priority: Priority): Level {
  return LEVEL_BY_PRIORITY[priority];
}

/** The levels whose caps a call of this level counts against. */
export function levelsFrom(level: Level): readonly Level[] {
  return LEVELS.slice(level);
}

/** What this level and those below it used together. */
export function usedUpTo(amounts: Triple, level: Level): number {
  const [low, normal, high] = amounts;
  return low + (level > 0 ? normal : 0) + (level > 1 ? high : 0);
}

export function withAmount(amounts: Triple, level: Level, amount: number): Triple {
  return [
    level === 0 ? amount : amounts[0],
    level === 1 ? amount : amounts[1],
    level === 2 ? amount : amounts[2],
  ];
}

/** Whole units, at least one: a share of a small limit must not mean never. */
export function capsOf(limit: number, shares: GuardSettings["shares"]): Triple {
  const share = (part: number) => Math.max(1, Math.floor(limit * part));
  return [share(shares.low), share(shares.normal), share(shares.high)];
}
