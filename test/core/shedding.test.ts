import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PRIORITIES, type Priority } from "../../src/core/policy.ts";
import { highestOf, isShed, type DepthReadings } from "../../src/core/shedding.ts";

const FRESH_MS = 5_000;
const NOW_MS = 1_000_000;
const NOTHING: DepthReadings = { high: [], normal: [], low: [] };

const reading = fc.record({ backlog: fc.nat(1_000), readAtMs: fc.integer({ min: 985_000, max: NOW_MS }) });
const readingsOf = fc.array(reading, { maxLength: 3 });
const readings: fc.Arbitrary<DepthReadings> = fc.record({
  high: readingsOf,
  normal: readingsOf,
  low: readingsOf,
});
const limit = fc.record({ maxBacklog: fc.integer({ min: 1, max: 1_000 }) });
const limits = fc.record({ high: limit, normal: limit, low: limit });
const priority = fc.constantFrom(...PRIORITIES);
const LIMITS_OF_100 = { high: { maxBacklog: 100 }, normal: { maxBacklog: 100 }, low: { maxBacklog: 100 } };

const shedAt = (at: DepthReadings, of: Priority) => isShed(of, at, LIMITS_OF_100, NOW_MS, FRESH_MS);
const deep = (lane: Priority, backlog: number): DepthReadings => ({
  ...NOTHING,
  [lane]: [{ backlog, readAtMs: NOW_MS }],
});

describe("shedding by depth", () => {
  it("where nothing is known nothing is shed", () => {
    for (const of of PRIORITIES) expect(shedAt(NOTHING, of)).toBe(false);
  });

  it.each([
    ["high", 99, []],
    ["high", 100, ["low"]],
    ["high", 149, ["low"]],
    ["high", 150, ["normal", "low"]],
    ["high", 200, ["high", "normal", "low"]],
    ["normal", 100, ["low"]],
    ["normal", 1_000, ["normal", "low"]],
    ["low", 100, ["low"]],
    ["low", 1_000_000, ["low"]],
  ] as const)("a %s lane with %d of 100 sheds %j", (lane, backlog, shed) => {
    expect(PRIORITIES.filter((of) => shedAt(deep(lane, backlog), of))).toEqual(shed);
  });

  it("a lane's shards count together", () => {
    const half = { backlog: 50, readAtMs: NOW_MS };
    expect(shedAt({ ...NOTHING, low: [half] }, "low")).toBe(false);
    expect(shedAt({ ...NOTHING, low: [half, half] }, "low")).toBe(true);
  });

  it("who is shed, all less important ones are shed with", () => {
    fc.assert(
      fc.property(readings, limits, (at, of) => {
        const shed = PRIORITIES.map((which) => isShed(which, at, of, NOW_MS, FRESH_MS));
        expect(shed).toEqual([...shed].sort((one, other) => Number(one) - Number(other)));
      }),
    );
  });

  it("less backlog never sheds more, nor do less important lanes matter", () => {
    fc.assert(
      fc.property(readings, limits, priority, fc.nat(100), (at, of, which, percent) => {
        if (isShed(which, at, of, NOW_MS, FRESH_MS)) return;
        const less = (list: DepthReadings["low"]) =>
          list.map((known) => ({ ...known, backlog: (known.backlog * percent) / 100 }));
        const eased = { high: less(at.high), normal: less(at.normal), low: less(at.low) };
        expect(isShed(which, eased, of, NOW_MS, FRESH_MS)).toBe(false);
        if (which === "low") return;
        const flooded = { ...at, low: [{ backlog: 1_000_000, readAtMs: NOW_MS }] };
        expect(isShed(which, flooded, of, NOW_MS, FRESH_MS)).toBe(false);
      }),
    );
  });

  it("what a lane said long ago counts no more: shedding always ends", () => {
    fc.assert(
      fc.property(readings, limits, priority, (at, of, which) => {
        expect(isShed(which, at, of, NOW_MS + FRESH_MS + 1, FRESH_MS)).toBe(false);
      }),
    );
  });

  it("of events that come together the most important one decides", () => {
    expect(highestOf(["low", "high", "normal"])).toBe("high");
    expect(highestOf([])).toBeNull();
  });
});
