/** How long an event took, as metrics and rollups count it. */
import { describe, expect, it } from "vitest";
import { latencyOf } from "../../src/core/event-summary.ts";
import { summaryFor } from "../support/summaries.ts";

describe("an event's latency", () => {
  it("counts from acceptance, and from the replay for what was replayed", async () => {
    const summary = await summaryFor({ key: "cus_1" });
    const ended = { ...summary, receivedAtMs: 1_000, endedAtMs: 1_250 };
    expect(latencyOf(ended)).toBe(250);
    const aWeekLater = 1_000 + 7 * 86_400_000;
    expect(latencyOf({ ...ended, reenteredAtMs: aWeekLater, endedAtMs: aWeekLater + 90 })).toBe(90);
    expect(latencyOf({ ...ended, endedAtMs: null })).toBe(0);
  });
});
