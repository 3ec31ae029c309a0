/**
 * Streams that nobody has asked for yet, whose objects are made ready because somebody soon will: how many, which one a start takes,
 * and when one is too old. Pure, plain data: it knows no object and mints nothing.
 */

export interface Spare<Tokens> {
  readonly id: string;
  /** When its preparation began. */
  readonly sinceMs: number;
  /** null: it is still being prepared. */
  readonly tokens: Tokens | null;
}

export type ReadySpare<Tokens> = Spare<Tokens> & { readonly tokens: Tokens };

export interface Spares<Tokens> {
  /** The oldest first. */
  readonly spares: readonly Spare<Tokens>[];
  /** Recent starts, the oldest first, as many as can matter. */
  readonly startsMs: readonly number[];
  /** When the last preparation failed that was told of; null: none has. */
  readonly failedAtMs: number | null;
}

export interface SpareLimits {
  /** A spare is used within this; starts that come more rarely find none. */
  readonly spareUseMs: number;
  /** As many spares as there were starts in this time. */
  readonly spareDemandMs: number;
  readonly maxSpares: number;
}

export const NO_SPARES: Spares<never> = { spares: [], startsMs: [], failedAtMs: null };

/** The oldest that is ready. Nobody else gets it. */
export function takeSpare<Tokens>(
  state: Spares<Tokens>,
  nowMs: number,
  limits: SpareLimits,
): { readonly state: Spares<Tokens>; readonly spare: ReadySpare<Tokens> | null } {
  const spares = usable(state, nowMs, limits);
  const spare = spares.find((one) => isReady(one)) ?? null;
  return { state: { ...state, spares: spares.filter((one) => one !== spare) }, spare };
}

/** One that was taken, and whose start was refused before its object heard of it. */
export function giveBackSpare<Tokens>(state: Spares<Tokens>, spare: ReadySpare<Tokens>): Spares<Tokens> {
  const spares = [spare, ...state.spares].toSorted((left, right) => left.sinceMs - right.sinceMs);
  return { ...state, spares };
}

/** A stream has been started. */
export function noteStart<Tokens>(state: Spares<Tokens>, nowMs: number, limits: SpareLimits): Spares<Tokens> {
  const before = state.startsMs.filter((atMs) => atMs > nowMs - limits.spareUseMs);
  return { ...state, startsMs: [...before, nowMs].slice(-Math.max(2, limits.maxSpares)) };
}

/**
 * How many are to be prepared now. None while starts come so rarely that they would find theirs too old: a start says something about
 * the next one only where another came shortly before.
 */
export function missingSpares<Tokens>(state: Spares<Tokens>, nowMs: number, limits: SpareLimits): number {
  if (hasFailed(state, nowMs, limits)) return 0;
  const [usedMs, demandedMs] = [nowMs - limits.spareUseMs, nowMs - limits.spareDemandMs];
  if (state.startsMs.filter((atMs) => atMs > usedMs).length < 2) return 0;
  const demand = state.startsMs.filter((atMs) => atMs > demandedMs).length;
  const wanted = Math.min(Math.max(1, demand), limits.maxSpares);
  const missing = wanted - usable(state, nowMs, limits).length;
  return Math.min(Math.max(0, missing), SPARES_PER_START);
}

/** One in the place of the one it took, and one more while there are too few: never many at once, beside somebody's answer. */
const SPARES_PER_START = 2;

/** One more is being prepared: it counts from here on. */
export function beginSpare<Tokens>(
  state: Spares<Tokens>,
  id: string,
  nowMs: number,
  limits: SpareLimits,
): Spares<Tokens> {
  const spares = usable(state, nowMs, limits);
  return { ...state, spares: [...spares, { id, sinceMs: nowMs, tokens: null }] };
}

/** It is ready. One that has become too old meanwhile stays forgotten. */
export function finishSpare<Tokens>(state: Spares<Tokens>, id: string, tokens: Tokens): Spares<Tokens> {
  return { ...state, spares: state.spares.map((one) => (one.id === id ? { ...one, tokens } : one)) };
}

/** It could not be prepared, and none is for a while: whatever is overloaded is left alone. @returns whether that is news */
export function failSpare<Tokens>(
  state: Spares<Tokens>,
  id: string,
  nowMs: number,
  limits: SpareLimits,
): { readonly state: Spares<Tokens>; readonly isNews: boolean } {
  const spares = state.spares.filter((one) => one.id !== id);
  if (hasFailed(state, nowMs, limits)) return { state: { ...state, spares }, isNews: false };
  return { state: { ...state, spares, failedAtMs: nowMs }, isNews: true };
}

/** One whose preparation never ended is forgotten as well: its invocation may be gone. */
function usable<Tokens>(
  { spares }: Spares<Tokens>,
  nowMs: number,
  { spareUseMs }: SpareLimits,
): readonly Spare<Tokens>[] {
  return spares.filter(({ sinceMs }) => sinceMs > nowMs - spareUseMs);
}

function hasFailed<Tokens>({ failedAtMs }: Spares<Tokens>, nowMs: number, limits: SpareLimits): boolean {
  return failedAtMs !== null && failedAtMs > nowMs - limits.spareUseMs;
}

function isReady<Tokens>(spare: Spare<Tokens>): spare is ReadySpare<Tokens> {
  return spare.tokens !== null;
}
