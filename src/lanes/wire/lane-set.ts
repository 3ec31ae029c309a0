/**
 * The lanes as the env has them: one per priority, with shards found by their binding's name
 * (`LANE_NORMAL`, `LANE_NORMAL_1`, …). A partition always uses the same shard.
 */
import * as z from "zod";
import type { EventEnvelope } from "../../core/envelope.ts";
import { bucketOf, type PartitionName } from "../../core/ids.ts";
import { PRIORITIES, type Priority } from "../../core/policy.ts";
import type { LaneMessage } from "./message.ts";

export interface LaneSet {
  /** Durable when it resolves. All events must belong to one priority. */
  send(envelopes: readonly EventEnvelope[]): Promise<void>;
  ring(partition: PartitionName, priority: Priority): Promise<void>;
}

const BINDING_BY_PRIORITY: Readonly<Record<Priority, string>> = {
  high: "LANE_HIGH",
  normal: "LANE_NORMAL",
  low: "LANE_LOW",
};

/** @throws Error naming the binding when a lane is missing from `wrangler.toml` */
export function findLanes(binding: (name: string) => unknown): Readonly<Record<Priority, readonly Queue[]>> {
  const find = (priority: Priority): Queue[] => {
    const shards: Queue[] = [];
    const base = BINDING_BY_PRIORITY[priority];
    for (let shard = 0; ; shard++) {
      const queue = binding(shard === 0 ? base : `${base}_${shard}`);
      if (!isQueue(queue)) break;
      shards.push(queue);
    }
    if (shards.length === 0) {
      throw new Error(
        `wrangler.toml: the ${priority} lane has no binding. Add a queue producer named "${base}"`,
      );
    }
    return shards;
  };
  return { high: find("high"), normal: find("normal"), low: find("low") };
}

function isQueue(value: unknown): value is Queue {
  return typeof value === "object" && value !== null && "send" in value && "sendBatch" in value;
}

/** Told after a write how many messages the queue then held. Where the platform does not say, nobody is told. */
export type ObserveDepth = (priority: Priority, shard: number, backlog: number) => void;

export function createLaneSet(binding: (name: string) => unknown, observeDepth?: ObserveDepth): LaneSet {
  const lanes = findLanes(binding);
  const shardFor = (partition: PartitionName, priority: Priority): Queue => {
    const shards = lanes[priority];
    const queue = shards[bucketOf(partition, shards.length)];
    if (queue === undefined) throw new Error(`the ${priority} lane has no shard for ${partition}`);
    return queue;
  };
  return {
    async send(envelopes) {
      const [envelope] = envelopes;
      if (envelope !== undefined && envelopes.length === 1) {
        const message: LaneMessage = { v: 1, kind: "event", envelope };
        await shardFor(envelope.partition, envelope.priority).send(message, { contentType: "json" });
        return;
      }
      for (const priority of PRIORITIES) {
        const byQueue = new Map<Queue, LaneMessage[]>();
        for (const envelope of envelopes.filter((candidate) => candidate.priority === priority)) {
          const queue = shardFor(envelope.partition, priority);
          byQueue.set(queue, [...(byQueue.get(queue) ?? []), { v: 1, kind: "event", envelope }]);
        }
        for (const [queue, messages] of byQueue) {
          const backlog = await sendAll(queue, messages);
          if (backlog !== null) observeDepth?.(priority, lanes[priority].indexOf(queue), backlog);
        }
      }
    },
    async ring(partition, priority) {
      const message: LaneMessage = { v: 1, kind: "ring", partition, priority };
      await shardFor(partition, priority).send(message, { contentType: "json" });
    },
  };
}

/**
 * One event is one `send`; a split body goes out in one batch, within the platform's 256 KB a batch.
 * @returns the queue's backlog, where it says so
 */
async function sendAll(queue: Queue, messages: readonly LaneMessage[]): Promise<number | null> {
  const [first] = messages;
  if (messages.length === 1 && first !== undefined) {
    return backlogIn(await queue.send(first, { contentType: "json" }));
  }
  let backlog: number | null = null;
  for (const chunk of chunksBySize(messages)) {
    const batch = chunk.map((body) => ({ body, contentType: "json" as const }));
    backlog = backlogIn(await queue.sendBatch(batch));
  }
  return backlog;
}

const sendResponseSchema = z.object({
  metadata: z.object({ metrics: z.object({ backlogCount: z.number() }) }),
});

/** Runtimes before the queues reported themselves answer nothing. */
function backlogIn(response: unknown): number | null {
  const parsed = sendResponseSchema.safeParse(response);
  return parsed.success ? parsed.data.metadata.metrics.backlogCount : null;
}

const MAX_BATCH_MESSAGES = 100;
const MAX_BATCH_BYTES = 240_000;

function chunksBySize(messages: readonly LaneMessage[]): LaneMessage[][] {
  const chunks: LaneMessage[][] = [];
  let bytes = 0;
  for (const message of messages) {
    const size = JSON.stringify(message).length * 3; // UTF-8 needs at most three bytes per UTF-16 unit
    const last = chunks.at(-1);
    if (last === undefined || last.length >= MAX_BATCH_MESSAGES || bytes + size > MAX_BATCH_BYTES) {
      chunks.push([message]);
      bytes = size;
    } else {
      last.push(message);
      bytes += size;
    }
  }
  return chunks;
}
