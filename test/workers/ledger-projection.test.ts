/** The ledger is a projection: whatever order and however often it is told, it ends up saying what is so. */
import { createExecutionContext, createMessageBatch, getQueueResult } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import * as z from "zod";
import { LIMITS } from "../../src/config/limits.ts";
import type { EventSummary, SummaryReceipt } from "../../src/core/event-summary.ts";
import type { PartitionName } from "../../src/core/ids.ts";
import { consumeTelemetry, type ProjectionDependencies } from "../../src/ledger/consumer.ts";
import { createEventLedger } from "../../src/ledger/events.ts";
import { createOpenPartitions } from "../../src/ledger/open-partitions.ts";
import { createProjection } from "../../src/ledger/projection.ts";
import { createGateway } from "../../src/worker.ts";
import { defineGateway, definePipeline } from "../../src/index.ts";
import { createLogger } from "../../src/telemetry/log.ts";
import { envelopeOf } from "../support/envelopes.ts";
import { DEAD, summaryFor } from "../support/summaries.ts";
import { emptyLedger, eventsMessage, MIGRATIONS, type Delivery } from "./ledger-support.ts";
import { SOME_MODELS } from "../support/some-models.ts";

const NOW_MS = 1_700_000_000_000;
const ledger = createEventLedger({ database: env.LEDGER });
let acknowledged: [PartitionName, readonly SummaryReceipt[]][] = [];

beforeEach(async () => {
  await emptyLedger();
  acknowledged = [];
});

function dependencies(options: Partial<ProjectionDependencies> = {}): ProjectionDependencies {
  return {
    openPartitions: createOpenPartitions(env.LEDGER),
    projection: createProjection(env.LEDGER, "rows"),
    partitions: {
      acknowledge: (partition, receipts) => Promise.resolve(void acknowledged.push([partition, receipts])),
    },
    limits: LIMITS.ledger,
    log: createLogger("error"),
    ...options,
  };
}

async function project(...summaries: readonly EventSummary[]): Promise<void> {
  await consumeTelemetry(dependencies(), [eventsMessage(...summaries)]);
}

async function totals(): Promise<Readonly<Record<string, number>>> {
  const rollups = await ledger.rollups({ fromMs: 0, toMs: NOW_MS * 2, stepMs: 60_000 });
  return Object.fromEntries(rollups.map((rollup) => [`${rollup.state} ${rollup.code}`.trim(), rollup.ended]));
}

describe("what the ledger says of an event", () => {
  it("is the newest it was told, whatever order it was told in", async () => {
    const orders = [
      [0, 1, 2],
      [2, 1, 0],
      [1, 2, 1, 0, 2],
    ];
    for (const [index, order] of orders.entries()) {
      for (const together of [false, true]) {
        const dead = await summaryFor({ key: `event ${index} ${together}`, summary: DEAD });
        const open: EventSummary = { ...dead, version: 2, state: "pending", endedAtMs: null, failure: null };
        const done: EventSummary = { ...dead, version: 3, state: "done", failure: null };
        const told = order.map((place) => [dead, open, done][place] ?? dead);
        if (together) await project(...told);
        else for (const summary of told) await project(summary);
        expect(await ledger.find(dead.id)).toEqual(done);
      }
    }
  });

  it("is counted once, however often it is told", async () => {
    const dead = await summaryFor({ key: "a", summary: DEAD });
    const done = await summaryFor({ key: "b" });
    await project(dead, done);
    await project(dead, dead, done);
    expect(await totals()).toEqual({ "dead http_400": 1, done: 1 });
    await project({ ...dead, version: 2, state: "pending", endedAtMs: null, failure: null });
    await project({ ...dead, version: 3, state: "done", failure: null });
    expect(await totals()).toEqual({ "dead http_400": 1, done: 2 });
  });

  it("leaves out successes where the config wants none, and keeps every exception", async () => {
    const projection = createProjection(env.LEDGER, "none");
    const done = await summaryFor({ key: "done" });
    const late = await summaryFor({ key: "late", summary: { late: true } });
    const dead = await summaryFor({ key: "dead", summary: DEAD });
    const mended = await summaryFor({ key: "mended", summary: DEAD });
    await projection.project([done, late, dead, mended]);
    await projection.project([{ ...mended, version: 3, state: "done", failure: null }]);
    const { events } = await ledger.list({ filter: {}, order: "newest", limit: 10, after: null });
    const states = Object.fromEntries(events.map((event) => [event.dedupeKey, event.state]));
    expect(states).toEqual({ late: "done", dead: "dead", mended: "done" });
    expect(await totals()).toEqual({ "dead http_400": 2, done: 3 });
  });

  it("takes thousands in one batch of messages", async () => {
    const one = await summaryFor({ key: "x" });
    const summaries = await Promise.all(
      Array.from({ length: 1_500 }, (_, index) => summaryFor({ key: `event-${index}` })),
    );
    await consumeTelemetry(dependencies(), [eventsMessage(...summaries), eventsMessage(one)]);
    expect(await totals()).toEqual({ done: 1_501 });
  });
});

describe("rollups", () => {
  it("say by minute how many ended how, how fast, and at what price", async () => {
    const model = {
      name: "fast",
      modelId: "fast-1",
      inputTokens: 100,
      outputTokens: 20,
      estimatedUsage: false,
      costMicros: 42,
      durationMs: 150.4,
      cached: false,
    };
    const base = await summaryFor({ key: "a", summary: { model, attempts: 1 } });
    const cached = await summaryFor({
      key: "b",
      summary: { model: { ...model, cached: true, costMicros: 0 } },
    });
    const slow = await summaryFor({ key: "c", summary: { endedAtMs: NOW_MS + 70_000, late: true } });
    await project(base, cached, slow);
    const minutes = await ledger.rollups({ fromMs: 0, toMs: NOW_MS * 2, stepMs: 60_000 });
    expect(minutes).toMatchObject([
      { ended: 2, retried: 1, late: 0, latencyMs: 600, modelCalls: 1, modelCached: 1, modelMs: 150 },
      { ended: 1, retried: 0, late: 1, latencyMs: 70_000, modelCalls: 0, inputTokens: 0 },
    ]);
    expect(minutes[0]).toMatchObject({ inputTokens: 200, outputTokens: 40, costMicros: 42, source: "test" });
    expect(minutes.map((minute) => minute.latencyCounts)).toEqual([
      [0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0],
      [0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0],
    ]);
    const hours = await ledger.rollups({ fromMs: 0, toMs: NOW_MS * 2, stepMs: 3_600_000, pipeline: "echo" });
    expect(hours).toMatchObject([{ ended: 3, latencyMs: 70_600 }]);
    expect(await ledger.rollups({ fromMs: 0, toMs: NOW_MS * 2, stepMs: 60_000, source: "other" })).toEqual(
      [],
    );
  });
});

describe("a partition", () => {
  it("is told that the ledger has its exceptions and its re-entered events, and nothing else", async () => {
    const dead = await summaryFor({ key: "dead", customer: "one", summary: DEAD });
    const done = await summaryFor({ key: "done", customer: "one" });
    const again = await summaryFor({ key: "again", customer: "two", summary: { version: 3 } });
    await project(dead, done, again);
    expect(acknowledged).toEqual([
      [dead.partition, [{ id: dead.id, version: 1 }]],
      [again.partition, [{ id: again.id, version: 3 }]],
    ]);
  });

  it("that cannot be told costs nothing: the message is done, and the partition sends it again", async () => {
    const dead = await summaryFor({ key: "dead", summary: DEAD });
    const message = eventsMessage(dead);
    const unreachable = { acknowledge: () => Promise.reject(new Error("no route")) };
    await consumeTelemetry(dependencies({ partitions: unreachable, log: createLogger("error") }), [message]);
    expect(message.verdict).toBe("ack");
    expect(await ledger.find(dead.id)).toEqual(dead);
  });
});

describe("D1 down for an hour", () => {
  const down = new Proxy(env.LEDGER, {
    get: (database, name) => {
      if (name === "batch") return () => Promise.reject(new Error("D1_ERROR: no such luck"));
      const value: unknown = Reflect.get(database, name);
      return typeof value === "function" ? value.bind(database) : value;
    },
  });

  const allDown = new Proxy(env.LEDGER, {
    get: () => () => {
      throw new Error("D1_ERROR: no such luck");
    },
  });

  it("keeps no event from being worked on, nor an operator from seeing it", async () => {
    const pipeline = definePipeline({
      name: "echo",
      input: z.object({ key: z.string() }),
      format: ({ input }) => ({ body: input }),
      deliver: [],
    });
    const config = defineGateway({
      sources: {},
      pipelines: [pipeline],
      models: SOME_MODELS,
      destinations: {},
    });
    const bindings = new Proxy(env, {
      get: (all, name) => {
        if (name === "SLUICE_ADMIN_TOKEN") return "token";
        return name === "LEDGER" ? allDown : Reflect.get(all, name);
      },
    });
    const gateway = createGateway(config);
    const envelope = await envelopeOf({ key: "undisturbed", customer: "undisturbed" });
    const context = createExecutionContext();
    const batch = createMessageBatch("sluice-normal", [
      { id: "m1", timestamp: new Date(), attempts: 1, body: { v: 1, kind: "event", envelope } },
    ]);
    await gateway.queue(batch, bindings);
    expect((await getQueueResult(batch, context)).explicitAcks).toEqual(["m1"]);
    const request = new Request(`https://sluice.test/admin/v1/events/${envelope.id}`, {
      headers: { authorization: "Bearer token" },
    });
    const answer = await gateway.fetch(request, bindings, context);
    expect(await answer.json()).toMatchObject({ state: "done", output: { body: { key: "undisturbed" } } });
  });

  it("loses nothing: every message comes back until it is in, later each time, and nobody is told before", async () => {
    const summaries = await Promise.all(
      Array.from({ length: 12 }, (_, index) =>
        summaryFor({ key: `e${index}`, customer: `c${index % 3}`, summary: index % 2 === 0 ? DEAD : {} }),
      ),
    );
    let waiting: readonly Delivery[] = summaries.map((summary) => eventsMessage(summary));
    let elapsedSeconds = 0;
    while (elapsedSeconds < 3_600) {
      await consumeTelemetry(dependencies({ projection: createProjection(down, "rows") }), waiting);
      expect(waiting.every((message) => message.verdict === "retry")).toBe(true);
      elapsedSeconds += waiting[0]?.delaySeconds ?? 0;
      for (const message of waiting) message.again();
    }
    expect(waiting[0]?.attempts).toBeLessThan(20);
    expect(acknowledged).toEqual([]);
    // Some arrive twice: the queue delivers at least once.
    waiting = [...waiting, ...summaries.slice(0, 4).map((summary) => eventsMessage(summary))];
    await consumeTelemetry(dependencies(), waiting);
    const { events } = await ledger.list({ filter: {}, order: "newest", limit: 100, after: null });
    expect(new Set(events.map((event) => event.id))).toEqual(new Set(summaries.map(({ id }) => id)));
    expect(await totals()).toEqual({ "dead http_400": 6, done: 6 });
    expect(acknowledged.flatMap(([, receipts]) => receipts)).toHaveLength(6);
  });
});

describe("a database of an earlier version", () => {
  it.each(MIGRATIONS().map((_, index) => index))(
    "%i is brought up to date with what it holds",
    async (version) => {
      await emptyLedger(version);
      if (version >= 1) await env.LEDGER.exec("INSERT INTO open_partitions VALUES ('d1o_kept', 5, 5)");
      const { applyD1Migrations } = await import("cloudflare:test");
      await applyD1Migrations(env.LEDGER, MIGRATIONS());
      const dead = await summaryFor({ key: "a", summary: DEAD });
      await project(dead);
      expect(await ledger.find(dead.id)).toEqual(dead);
      const kept = await env.LEDGER.prepare("SELECT COUNT(*) AS count FROM open_partitions").first("count");
      expect(kept).toBe(version >= 1 ? 1 : 0);
    },
  );
});
