import { describe, expect, it } from "vitest";
import * as z from "zod";
import { definePipeline } from "../../src/config/define-pipeline.ts";
import { parseEnvelope } from "../../src/core/envelope.ts";
import { buildEmittedEnvelopes } from "../../src/pipeline/emits.ts";
import { bench, leasedEvent, NOW_MS } from "./pipeline-fixtures.ts";

const followUp = definePipeline({
  name: "follow-up",
  input: z.object({ ticket: z.number() }),
  format: ({ input }) => ({ body: input.ticket }),
  deliver: [],
  policy: { lookahead: 1, retainMs: 5, gapWaitMs: 900 },
});
const pipelines = new Map([[followUp.name, followUp]]);
const emits = [
  { pipeline: "follow-up", type: "ticket.opened", payload: { ticket: 1 } },
  { pipeline: "follow-up", type: "ticket.opened", payload: { ticket: 1 } },
];

async function parentOf(change: { depth?: number } = {}) {
  const event = await leasedEvent({
    envelope: { priority: "high", orderKey: 17, headers: { "content-type": "text/x", "x-kept": "1" } },
  });
  const { envelope } = event;
  const policy = { ...envelope.policy, gapWaitMs: 500, onDead: "pause" as const };
  const parent = change.depth === undefined ? null : { id: envelope.id, depth: change.depth };
  return { ...envelope, policy, parent };
}

describe("emitted events", () => {
  it("are valid envelopes in their parent's partition, linked to it, on its trace", async () => {
    const parent = await parentOf();
    const [first] = await buildEmittedEnvelopes(parent, 1, emits, pipelines, NOW_MS);
    expect(parseEnvelope(JSON.parse(JSON.stringify(first))).ok).toBe(true);
    expect(first).toMatchObject({
      partition: parent.partition,
      partitionKey: parent.partitionKey,
      source: parent.source,
      priority: "high",
      traceparent: parent.traceparent,
      parent: { id: parent.id, depth: 1 },
      type: "ticket.opened",
      receivedAtMs: NOW_MS,
      orderKey: null,
      headers: { "content-type": "application/json" },
      body: { kind: "inline", text: '{"ticket":1}' },
    });
  });

  it("have the same ids however often they are built, and other ids in another run", async () => {
    const parent = await parentOf();
    const ids = async (run: number, nowMs: number) =>
      (await buildEmittedEnvelopes(parent, run, emits, pipelines, nowMs)).map((envelope) => envelope.id);
    expect(await ids(1, NOW_MS + 99)).toEqual(await ids(1, NOW_MS));
    expect(new Set([...(await ids(1, NOW_MS)), ...(await ids(2, NOW_MS))]).size).toBe(4);
  });

  it("keep the order they were listed in", async () => {
    const envelopes = await buildEmittedEnvelopes(await parentOf(), 1, emits, pipelines, NOW_MS);
    expect(envelopes.map((envelope) => envelope.receivedAtMs)).toEqual([NOW_MS, NOW_MS + 1]);
    expect(new Set(envelopes.map((envelope) => envelope.dedupeKey)).size).toBe(2);
  });

  it("travel with their parent's policy, changed by their own pipeline, and wait for no gap", async () => {
    const parent = await parentOf();
    const [child] = await buildEmittedEnvelopes(parent, 1, emits, pipelines, NOW_MS);
    expect(child?.policy).toEqual({ ...parent.policy, lookahead: 1, retainMs: 5, gapWaitMs: 0 });
  });

  it("count their depth, and survive a pipeline that is gone", async () => {
    const [child] = await buildEmittedEnvelopes(await parentOf({ depth: 3 }), 1, emits, new Map(), NOW_MS);
    expect(child).toMatchObject({ pipeline: "follow-up", parent: { depth: 4 } });
  });

  it("are read by the pipeline they are for", async () => {
    const [envelope] = await buildEmittedEnvelopes(await parentOf(), 1, emits, pipelines, NOW_MS);
    const event = await leasedEvent(envelope === undefined ? {} : { envelope });
    const prepared = await bench([followUp]).processor.prepare(event, new AbortController().signal);
    expect(prepared).toMatchObject({ kind: "ready", output: { body: 1 } });
  });
});
