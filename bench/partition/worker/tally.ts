/** What the bench counts. Module state: the Worker and its objects share one isolate locally. */
import type { Counts, Effects } from "../commands.ts";

type Mutable<Shape> = { -readonly [Key in keyof Shape]: Shape[Key] };

const ZERO: Counts = {
  offer: 0,
  claim: 0,
  exchange: 0,
  alarm: 0,
  admit: 0,
  settle: 0,
  denied: 0,
  ring: 0,
  setAlarm: 0,
};
const NO_EFFECTS: Effects = {
  count: 0,
  outOfOrder: 0,
  firstStartMs: Number.POSITIVE_INFINITY,
  lastEndMs: 0,
};

let counts: Mutable<Counts> = { ...ZERO };
let effects: Mutable<Effects> = { ...NO_EFFECTS };
const lastByCustomer = new Map<string, number>();

export function count(what: keyof Counts): void {
  counts[what]++;
}

export function noteStart(): void {
  effects.firstStartMs = Math.min(effects.firstStartMs, Date.now());
}

export function noteEffect(customer: string, order: number): void {
  effects.count++;
  if (order <= (lastByCustomer.get(customer) ?? Number.NEGATIVE_INFINITY)) effects.outOfOrder++;
  lastByCustomer.set(customer, order);
  effects.lastEndMs = Math.max(effects.lastEndMs, Date.now());
}

export function readTally(): { readonly counts: Counts; readonly effects: Effects } {
  return { counts: { ...counts }, effects: { ...effects } };
}

export function resetTally(): void {
  counts = { ...ZERO };
  effects = { ...NO_EFFECTS };
}
