import { describe, expect, it } from "vitest";
import { createLaneSet, findLanes } from "../../src/lanes/wire/lane-set.ts";
import type { LaneMessage } from "../../src/lanes/wire/message.ts";
import { envelopeOf, partitionFor } from "../support/envelopes.ts";

/** A queue that keeps what it is sent. */
class KeptQueue {
  readonly sent: LaneMessage[] = [];

  send(body: LaneMessage): Promise<void> {
    this.sent.push(body);
    return Promise.resolve();
  }

  sendBatch(messages: Iterable<{ body: LaneMessage }>): Promise<void> {
    for (const { body } of messages) this.sent.push(body);
    return Promise.resolve();
  }
}

function lanes(names: readonly string[]) {
  const queues = new Map(names.map((name) => [name, new KeptQueue()]));
  return { queues, set: createLaneSet((name) => queues.get(name)) };
}

describe("lanes", () => {
  it("name the binding that is missing", () => {
    const bound = new Map([["LANE_HIGH", new KeptQueue()]]);
    expect(() => findLanes((name) => bound.get(name))).toThrow(
      /the normal lane has no binding.*"LANE_NORMAL"/,
    );
  });

  it("find shards by name, and a partition always uses the same one", async () => {
    const { queues, set } = lanes(["LANE_HIGH", "LANE_NORMAL", "LANE_NORMAL_1", "LANE_NORMAL_2", "LANE_LOW"]);
    const shards = ["LANE_NORMAL", "LANE_NORMAL_1", "LANE_NORMAL_2"];
    const shardOf = new Map<string, string>();
    for (let customer = 0; customer < 30; customer++) {
      for (const key of ["a", "b"]) {
        const envelope = await envelopeOf({ key, customer: `customer-${customer}` });
        await set.send([envelope]);
        const shard = shards.find(
          (name) => queues.get(name)?.sent.at(-1)?.kind === "event" && holds(queues.get(name), envelope.id),
        );
        expect(shard).toBe(shardOf.get(envelope.partition) ?? shard);
        if (shard !== undefined) shardOf.set(envelope.partition, shard);
      }
    }
    expect(new Set(shardOf.values()).size).toBe(3);
  });

  it("send the events of a split body in one batch, and rings to the partition's own shard", async () => {
    const { queues, set } = lanes(["LANE_HIGH", "LANE_NORMAL", "LANE_LOW"]);
    await set.send(await Promise.all(["a", "b", "c"].map((key) => envelopeOf({ key }))));
    await set.ring(await partitionFor("customer-1"), "low");
    expect(queues.get("LANE_NORMAL")?.sent).toHaveLength(3);
    expect(queues.get("LANE_LOW")?.sent).toMatchObject([{ kind: "ring", priority: "low" }]);
  });
});

function holds(queue: KeptQueue | undefined, id: string): boolean {
  return queue?.sent.some((message) => message.kind === "event" && message.envelope.id === id) ?? false;
}
