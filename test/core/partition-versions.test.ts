/**
 * Two versions run during every deploy: a consumer of one talks to an object of the other. The version before
 * knew nothing of versions of ends, of `ended` in replies, nor of turns given up; a later one may send more than
 * this one knows.
 */
import { describe, expect, it } from "vitest";
import { parseEnvelope } from "../../src/core/envelope.ts";
import type { ExchangeReply } from "../../src/core/partition/commands.ts";
import type { EventRecord, PartitionRecord } from "../../src/core/partition/model.ts";
import type { PartitionClient } from "../../src/partition/client.ts";
import { consumeLane } from "../../src/lanes/consumer.ts";
import { parseLaneMessage } from "../../src/lanes/wire/message.ts";
import { parseTelemetry } from "../../src/telemetry/message.ts";
import { complete, eventOf, leaseOf, PartitionScript, record } from "../support/partition-script.ts";
import { eventMessage, World } from "./mutants-lanes-support.ts";

const UNKNOWN_BEFORE = new Set(["version", "turnEnded", "endedReached"]);

/** A record as the version before has stored it. */
function asStoredBefore<Stored extends EventRecord | PartitionRecord>(stored: Stored): Stored {
  const known = Object.entries(stored).filter(([name]) => !UNKNOWN_BEFORE.has(name));
  return Object.fromEntries(known) as Stored; // without what is optional
}

/** What an object of the version before answers: it does not say what ended. */
function withoutEnded({ ended: _ended, ...reply }: ExchangeReply): ExchangeReply {
  return reply;
}

describe("this version's consumer", () => {
  it("drives an object of the version before to the end", async () => {
    const world = await World.create();
    const events = [await eventOf("a", { orderKey: 1 }), await eventOf("b", { orderKey: 2 })];
    const old: PartitionClient = {
      ...world.client,
      exchange: async (...request) => withoutEnded(await world.client.exchange(...request)),
    };
    await world.clock.run(
      consumeLane(
        world.deps({}, old),
        events.map((event) => eventMessage(event)),
      ),
    );
    expect(events.map(({ id }) => world.partition.record(id).state)).toEqual(["done", "done"]);
  });
});

describe("this version's object", () => {
  it("goes on with what the version before has stored, lease and all", async () => {
    const script = await PartitionScript.start();
    const { partition } = script;
    const [first, second] = [await eventOf("a", { orderKey: 1 }), await eventOf("b", { orderKey: 2 })];
    const lease = leaseOf(script.offer([first, second]));
    script.say(lease, [record(first)], { holding: [first, second] });
    for (const [id, stored] of partition.rows) partition.rows.set(id, asStoredBefore(stored));
    partition.crash();
    partition.partition = asStoredBefore(partition.partition);
    script.say(lease, [complete(first), record(second)], { holding: [second] });
    const reply = script.say(lease, [complete(second)]);
    expect(reply.status).toBe("released");
    expect(partition.record(second.id)).toMatchObject({ state: "done", version: 1 });
  });

  it("answers a consumer that sends more than it knows", async () => {
    const script = await PartitionScript.start();
    const event = await eventOf("a");
    const lease = leaseOf(script.offer([Object.assign(event, { news: 1 })]));
    const said = Object.assign(record(event), { more: true });
    expect(script.say(lease, [said], { holding: [event] }).status).toBe("held");
  });
});

describe("messages on their way during a deploy", () => {
  it("with fields of a later version are read for what this one knows", async () => {
    const envelope = await eventOf("a");
    const message = { v: 1, kind: "event", envelope: { ...envelope, later: { than: "this" } }, more: 1 };
    expect(parseLaneMessage(message)).toEqual({ ok: true, value: { v: 1, kind: "event", envelope } });
    const telemetry = { v: 1, kind: "partition_open", partition: envelope.partition, dueMs: 1, more: 1 };
    expect(parseTelemetry(telemetry).ok).toBe(true);
  });

  it("of an unknown version are refused, so that the lane keeps them for a program that can read them", async () => {
    const envelope = await eventOf("a");
    expect(parseEnvelope({ ...envelope, v: 2 }).ok).toBe(false);
    expect(parseLaneMessage({ v: 2, kind: "event", envelope }).ok).toBe(false);
    expect(parseLaneMessage({ v: 1, kind: "news", envelope }).ok).toBe(false);
  });
});
