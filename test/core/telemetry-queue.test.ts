import { describe, expect, it } from "vitest";
import type { Counts } from "../../src/core/metrics/counts.ts";
import { createLogger } from "../../src/telemetry/log.ts";
import { parseTelemetry } from "../../src/telemetry/message.ts";
import { createTelemetry } from "../../src/telemetry/queue.ts";
import { summaryFor } from "../support/summaries.ts";

const SERIES = 'sluice_cache_lookups_total{result="miss"}';

async function tell(counts: Counts | null, ends: number) {
  const sent: unknown[] = [];
  const queue = {
    send: async (body: unknown) => {
      sent.push(JSON.parse(JSON.stringify(body)));
      return { metadata: { metrics: { backlogCount: 0, backlogBytes: 0 } } };
    },
  };
  const summaries = await Promise.all(Array.from({ length: ends }, (_, at) => summaryFor({ key: `e${at}` })));
  const way = { queue, takeCounts: () => counts };
  await createTelemetry(() => way, createLogger("error")).eventsEnded(summaries);
  return sent.map((body) => {
    const message = parseTelemetry(body);
    if (!message.ok) throw new Error(message.error);
    return message.value;
  });
}

describe("counts", () => {
  it("ride along with the events of a run: one message, not two", async () => {
    const messages = await tell({ counters: { [SERIES]: 3 }, histograms: {} }, 5);
    expect(messages).toMatchObject([{ kind: "events", counts: { counters: { [SERIES]: 3 } } }]);
    expect(messages[0]?.kind === "events" && messages[0].events).toHaveLength(5);
  });

  it("go alone when they are too many, and are counted once when events need several messages", async () => {
    const many = Object.fromEntries(
      Array.from({ length: 390 }, (_, at) => [
        `sluice_cache_lookups_total{result="${"x".repeat(50)}${at}"}`,
        1,
      ]),
    );
    const alone = await tell({ counters: many, histograms: {} }, 1);
    expect(alone.map(({ kind }) => kind)).toEqual(["events", "counts"]);
    const several = await tell({ counters: { [SERIES]: 3 }, histograms: {} }, 120);
    expect(several.length).toBeGreaterThan(1);
    expect(
      several.filter((message) => message.kind === "events" && message.counts !== undefined),
    ).toHaveLength(1);
  });
});
