import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  beginSpare,
  failSpare,
  finishSpare,
  giveBackSpare,
  missingSpares,
  NO_SPARES,
  noteStart,
  takeSpare,
  type Spares,
} from "../../src/core/stream/spares.ts";

const limits = { spareUseMs: 20_000, spareDemandMs: 2_000, maxSpares: 4 };
type State = Spares<string>;

const startsAt = (times: readonly number[], state: State = NO_SPARES) =>
  times.reduce<State>((sum, atMs) => noteStart(sum, atMs, limits), state);
const readyAt = (atMs: number, id: string, state: State = NO_SPARES) =>
  finishSpare(beginSpare(state, id, atMs, limits), id, `tokens of ${id}`);

describe("spares are prepared", () => {
  it.each([
    ["by no start that stands alone", [0], 0, 0],
    ["not where starts come an hour apart", [0, 3_600_000], 3_600_000, 0],
    ["not where the one before was too long ago", [0, 20_000], 20_000, 0],
    ["where the one before was just in time", [0, 19_999], 19_999, 1],
    ["as many as there were starts of late, two with each", [0, 1, 2, 3, 4, 5], 5, 2],
    ["one at least, where the last starts are a moment ago", [0, 1], 2_500, 1],
  ] as const)("%s", (_, times, nowMs, missing) => {
    expect(missingSpares(startsAt(times), nowMs, limits)).toBe(missing);
  });

  it("up to the limit and no further, those under way included", () => {
    let state = startsAt([0, 1, 2, 3, 4, 5, 6]);
    const added: number[] = [];
    for (const turn of [10, 11, 12]) {
      const missing = missingSpares(state, turn, limits);
      added.push(missing);
      for (let index = 0; index < missing; index++)
        state = beginSpare(state, `${turn}.${index}`, turn, limits);
    }
    expect(added).toEqual([2, 2, 0]);
  });

  it("in the place of one that is too old, or whose preparation never ended", () => {
    const hung = beginSpare(readyAt(0, "old"), "hung", 0, limits);
    const later = startsAt([19_000, 20_000], hung);
    expect(missingSpares(later, 19_999, limits)).toBe(0);
    expect(missingSpares(later, 20_000, limits)).toBe(2);
  });

  it("not for a while after one could not be, which is news once", () => {
    const two = beginSpare(beginSpare(startsAt([0, 1]), "a", 2, limits), "b", 2, limits);
    const first = failSpare(two, "a", 3, limits);
    const second = failSpare(first.state, "b", 4, limits);
    expect([first.isNews, second.isNews]).toEqual([true, false]);
    expect(second.state.spares).toEqual([]);
    const busy = startsAt([20_000, 20_001], second.state);
    expect(missingSpares(busy, 20_002, limits)).toBe(0);
    expect(missingSpares(busy, 20_003, limits)).toBe(2);
    expect(failSpare(busy, "c", 20_003, limits).isNews).toBe(true);
  });
});

describe("a spare", () => {
  it("is taken once, the oldest first, when it is ready", () => {
    const under = beginSpare(readyAt(2, "second", readyAt(1, "first")), "under way", 3, limits);
    const one = takeSpare(under, 4, limits);
    const two = takeSpare(one.state, 4, limits);
    const none = takeSpare(two.state, 4, limits);
    expect([one.spare?.id, two.spare?.id, none.spare]).toEqual(["first", "second", null]);
    expect(one.spare?.tokens).toBe("tokens of first");
    expect(takeSpare(finishSpare(none.state, "under way", "t"), 5, limits).spare?.id).toBe("under way");
  });

  it("that is too old is not taken, nor one that became ready when it was", () => {
    expect(takeSpare(readyAt(0, "a"), 19_999, limits).spare?.id).toBe("a");
    const late = takeSpare(beginSpare(readyAt(0, "a"), "b", 0, limits), 20_000, limits);
    expect(late.spare).toBeNull();
    expect(takeSpare(finishSpare(late.state, "b", "t"), 20_000, limits).spare).toBeNull();
  });

  it("that was given back is taken again, as old as it is", () => {
    const { state, spare } = takeSpare(readyAt(5, "b", readyAt(0, "a")), 10, limits);
    if (spare === null) throw new Error("none");
    const back = giveBackSpare(state, spare);
    expect(takeSpare(back, 11, limits).spare).toEqual(spare);
    expect(takeSpare(back, 20_000, limits).spare?.id).toBe("b");
  });
});

it("whatever happens in whatever order: each is taken once and in time, and there are never more than the limit", () => {
  const event = fc.record({
    kind: fc.constantFrom("start", "begin", "finish", "take", "giveBack", "fail"),
    waitMs: fc.integer({ min: 0, max: 9_000 }),
    pick: fc.nat(50),
  });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 80 }), (events) => {
      let state: State = NO_SPARES;
      let nowMs = 0;
      const begun = new Map<string, number>();
      const held = new Set<string>();
      const returned = new Set<string>();
      for (const { kind, waitMs, pick } of events) {
        nowMs += waitMs;
        const id = [...begun.keys()][pick % Math.max(1, begun.size)] ?? "none";
        if (kind === "start") state = noteStart(state, nowMs, limits);
        else if (kind === "finish") state = finishSpare(state, id, id);
        else if (kind === "fail") ({ state } = failSpare(state, id, nowMs, limits));
        else if (kind === "giveBack") {
          const sinceMs = begun.get(id);
          if (held.delete(id) && sinceMs !== undefined) {
            state = giveBackSpare(state, { id, sinceMs, tokens: id });
            returned.add(id);
          }
        } else if (kind === "begin") {
          for (let count = missingSpares(state, nowMs, limits); count > 0; count--) {
            const next = `s${begun.size}`;
            begun.set(next, nowMs);
            state = beginSpare(state, next, nowMs, limits);
          }
        } else {
          const { spare, state: after } = takeSpare(state, nowMs, limits);
          state = after;
          if (spare === null) continue;
          expect(held.has(spare.id)).toBe(false);
          expect(nowMs - (begun.get(spare.id) ?? -Infinity)).toBeLessThan(limits.spareUseMs);
          expect(spare.tokens).toBe(spare.id);
          held.add(spare.id);
        }
        const prepared = state.spares.filter((spare) => !returned.has(spare.id));
        expect(prepared.length).toBeLessThanOrEqual(limits.maxSpares);
        expect(state.startsMs.length).toBeLessThanOrEqual(limits.maxSpares);
      }
    }),
  );
});
