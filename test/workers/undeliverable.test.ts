import { createExecutionContext, createMessageBatch, getQueueResult } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import type { EventEnvelope } from "../../src/core/envelope.ts";
import { createGateway } from "../../src/worker.ts";
import { partitionStub } from "../../src/partition/stub.ts";
import { defineGateway } from "../../src/index.ts";
import { envelopeOf } from "../support/envelopes.ts";
import { SOME_MODELS } from "../support/some-models.ts";

const gateway = createGateway(defineGateway({ sources: {}, models: SOME_MODELS, destinations: {} }));

function envWith(overrides: Partial<typeof env>): typeof env {
  return new Proxy(env, {
    get: (bindings, name) => (name in overrides ? Reflect.get(overrides, name) : Reflect.get(bindings, name)),
  });
}

/** As the platform reports it: ids that were acknowledged, ids that come again. */
async function consume(bodies: Readonly<Record<string, unknown>>, bindings: typeof env = env) {
  const messages = Object.entries(bodies).map(([id, body]) => ({
    id,
    body,
    timestamp: new Date(0),
    attempts: 1,
  }));
  const batch = createMessageBatch("sluice-undeliverable", messages);
  await gateway.queue(batch, bindings);
  const result = await getQueueResult(batch, createExecutionContext());
  return { acked: result.explicitAcks, retried: result.retryMessages.map(({ msgId }) => msgId) };
}

const eventMessage = (envelope: EventEnvelope) => ({ v: 1, kind: "event", envelope });

async function kept(id: string): Promise<unknown> {
  const object = await env.PAYLOADS.get(`undeliverable/${id}.json`);
  return object === null ? null : object.json();
}

/** An object that cannot be reached by anybody. */
const unreachable: typeof env.PARTITION = new Proxy(env.PARTITION, {
  get: (namespace, name) => {
    if (name === "get") throw new Error("unreachable");
    const value: unknown = Reflect.get(namespace, name);
    return typeof value === "function" ? value.bind(namespace) : value;
  },
});

const brokenBucket: R2Bucket = new Proxy(env.PAYLOADS, {
  get: (bucket, name) => {
    if (name === "put") return () => Promise.reject(new Error("R2 is down"));
    return Reflect.get(bucket, name) as unknown; // whatever the binding has there
  },
});

describe("a message that its lane gave up on", () => {
  it("is offered to its partition once more, and acknowledged when that has it", async () => {
    const envelope = await envelopeOf({ key: "once-more", customer: "offered" });
    expect(await consume({ m1: eventMessage(envelope) })).toEqual({ acked: ["m1"], retried: [] });
    expect(await partitionStub(env.PARTITION, envelope.partition).read(envelope.id)).toMatchObject({
      id: envelope.id,
      endedAtMs: null,
    });
    expect(await kept("m1")).toBeNull();
  });

  it("is acknowledged, and nothing else, when the partition has it already", async () => {
    const envelope = await envelopeOf({ key: "twice", customer: "known" });
    await consume({ m2: eventMessage(envelope) });
    expect(await consume({ m3: eventMessage(envelope) })).toEqual({ acked: ["m3"], retried: [] });
    const status = await partitionStub(env.PARTITION, envelope.partition).status();
    expect(status).toMatchObject({ openEvents: 1 });
    expect(await kept("m3")).toBeNull();
  });

  it("is kept in R2 as it was when this program cannot read it", async () => {
    const bodies = { m4: { v: 7, kind: "event", envelope: { from: "the future" } }, m5: "no message at all" };
    expect(await consume(bodies)).toEqual({ acked: ["m4", "m5"], retried: [] });
    expect(await kept("m4")).toMatchObject({ v: 1, keptAtMs: expect.any(Number), body: bodies.m4 });
    expect(await kept("m5")).toMatchObject({ v: 1, body: bodies.m5 });
  });

  it("is kept in R2, whole, when its partition cannot be reached", async () => {
    const envelope = await envelopeOf({ key: "kept", customer: "unreachable" });
    const message = eventMessage(envelope);
    const verdicts = await consume({ m6: message }, envWith({ PARTITION: unreachable }));
    expect(verdicts).toEqual({ acked: ["m6"], retried: [] });
    expect(await kept("m6")).toMatchObject({ body: message });
  });

  it("comes again when R2 cannot take it either: it is never acknowledged unstored", async () => {
    const envelope = await envelopeOf({ key: "homeless", customer: "homeless" });
    const bindings = envWith({ PARTITION: unreachable, PAYLOADS: brokenBucket });
    const verdicts = await consume({ m7: eventMessage(envelope), m8: "unreadable" }, bindings);
    expect(verdicts).toEqual({ acked: [], retried: ["m7", "m8"] });
    expect(await kept("m7")).toBeNull();
  });

  it("holds up no other: each is judged by itself", async () => {
    const envelope = await envelopeOf({ key: "neighbour", customer: "neighbour" });
    const verdicts = await consume(
      { m9: "unreadable", m10: eventMessage(envelope) },
      envWith({ PAYLOADS: brokenBucket }),
    );
    expect(verdicts).toEqual({ acked: ["m10"], retried: ["m9"] });
  });

  it("is acknowledged when it is a ring: the partition rings again by itself", async () => {
    const { partition } = await envelopeOf({ key: "ring", customer: "rung" });
    expect(await consume({ m11: { v: 1, kind: "ring", partition, priority: "normal" } })).toEqual({
      acked: ["m11"],
      retried: [],
    });
    expect(await kept("m11")).toBeNull();
  });
});
