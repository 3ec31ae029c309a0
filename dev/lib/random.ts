/** Chance that can be repeated: the same seed gives the same draws. Never for secrets. */
export interface SeededRandom {
  /** In [0, 1). */
  next(): number;
  /** In [low, high], both included. */
  integer(low: number, high: number): number;
  pick<Item>(items: readonly [Item, ...Item[]]): Item;
  /** Lower-case letters and digits. */
  token(length: number): string;
  hex(length: number): string;
}

const TOKEN_CHARACTERS = "abcdefghijklmnopqrstuvwxyz0123456789";

/** mulberry32: 32 bits of state are plenty for sample data. */
export function seededRandom(seed: number): SeededRandom {
  let state = seed >>> 0;
  function next(): number {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  }
  const integer = (low: number, high: number): number => low + Math.floor(next() * (high - low + 1));
  const characters = (alphabet: string, length: number): string =>
    Array.from({ length }, () => alphabet.charAt(integer(0, alphabet.length - 1))).join("");
  return {
    next,
    integer,
    pick: (items) => items[integer(0, items.length - 1)] ?? items[0],
    token: (length) => characters(TOKEN_CHARACTERS, length),
    hex: (length) => characters("0123456789abcdef", length),
  };
}
