/** Who leads a flight, and who is told what. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { joinFlight, landFlight, NO_FLIGHT, type FlightState } from "../../src/core/flight.ts";

const LEASE_MS = 30_000;
const KEEP_MS = 60_000;

const join = (state: FlightState, caller: string, nowMs: number) =>
  joinFlight(state, caller, nowMs, LEASE_MS);

describe("a flight", () => {
  it("has one leader until its lease is over, and then another", () => {
    const first = join(NO_FLIGHT, "a", 0);
    expect(first.reply).toEqual({ kind: "lead" });
    expect(join(first.state, "b", LEASE_MS - 1).reply).toEqual({ kind: "wait", untilMs: LEASE_MS });
    expect(join(first.state, "b", LEASE_MS).reply).toEqual({ kind: "lead" });
  });

  it("is still led by a leader whose answer was lost", () => {
    const { state } = join(NO_FLIGHT, "a", 0);
    expect(join(state, "a", 10).reply).toEqual({ kind: "lead" });
  });

  it("hands out its answer for a while, and then begins anew", () => {
    const landed = landFlight(join(NO_FLIGHT, "a", 0).state, "a", "x", KEEP_MS);
    expect(join(landed, "b", KEEP_MS - 1).reply).toEqual({ kind: "answer", answer: "x" });
    expect(join(landed, "b", KEEP_MS).reply).toEqual({ kind: "lead" });
  });

  it("goes to the next when its leader has none, and not when a former leader has none", () => {
    const { state } = join(NO_FLIGHT, "a", 0);
    expect(join(landFlight(state, "a", null, 0), "b", 1).reply).toEqual({ kind: "lead" });
    const second = join(state, "b", LEASE_MS).state;
    expect(join(landFlight(second, "a", null, 0), "c", LEASE_MS).reply.kind).toBe("wait");
    expect(join(landFlight(second, "a", "late", LEASE_MS + KEEP_MS), "c", LEASE_MS).reply.kind).toBe(
      "answer",
    );
  });
});

it("whatever happens, nobody leads while another one's lease runs and has not landed", () => {
  const caller = fc.constantFrom("a", "b", "c");
  const step = fc.record({
    caller,
    passMs: fc.nat(20_000),
    lands: fc.constantFrom<"answer" | "none" | "no">("answer", "none", "no", "no"),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      let state = NO_FLIGHT;
      let nowMs = 0;
      let leader: { caller: string; untilMs: number } | null = null;
      for (const { caller: who, passMs, lands } of steps) {
        nowMs += passMs;
        if (lands === "no") {
          const joined = join(state, who, nowMs);
          state = joined.state;
          if (joined.reply.kind !== "lead") continue;
          expect(leader === null || leader.caller === who || nowMs >= leader.untilMs).toBe(true);
          leader = { caller: who, untilMs: nowMs + LEASE_MS };
        } else {
          state = landFlight(state, who, lands === "answer" ? "x" : null, nowMs + KEEP_MS);
          if (lands === "answer" || leader?.caller === who) leader = null;
        }
      }
    }),
  );
});
