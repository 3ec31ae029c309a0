/**
 * The lanes as the env has them: one per priority, with shards found by their binding's name
 * (`LANE_NORMAL`, `LANE_NORMAL_1`, …). A partition always uses the same shard.
 */
import type { EventEnvelope } from "../../core/envelope.ts";
import { bucketOf, jurisdictionOf, type Jurisdiction, type PartitionName } from "../../core/ids.ts";
import { PRIORITIES, type Priority } from "../../core/policy.ts";
import { bindingSuffix, isQueue, JURISDICTIONS } from "../../platform/jurisdictions.ts";
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

type Lanes = Readonly<Record<Priority, readonly Queue[]>>;

/** @throws Error naming the binding when a lane is missing from `wrangler.toml` */
export function findLanes(binding: (name: string) => unknown, suffix = ""): Lanes {
  const find = (priority: Priority): Queue[] => {
    const shards: Queue[] = [];
    const base = `${BINDING_BY_PRIORITY[priority]}${suffix}`;
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

/** A jurisdiction has lanes of its own as soon as one of them is bound; then it must have all. null: it has none. */
export function findOwnLanes(binding: (name: string) => unknown, jurisdiction: Jurisdiction): Lanes | null {
  const suffix = bindingSuffix(jurisdiction);
  const isBound = PRIORITIES.some((priority) =>
    isQueue(binding(`${BINDING_BY_PRIORITY[priority]}${suffix}`)),
  );
  return isBound ? findLanes(binding, suffix) : null;
}

/** Told after a write how many messages the queue then held. Where the platform does not say, nobody is told. */
export type ObserveDepth = (priority: Priority, shard: number, backlog: number) => void;

export function createLaneSet(binding: (name: string) => unknown, observeDepth?: ObserveDepth): LaneSet {
  const common = findLanes(binding);
  const own = new Map<Jurisdiction, Lanes | null>(
    JURISDICTIONS.map((jurisdiction) => [jurisdiction, findOwnLanes(binding, jurisdiction)]),
  );
  /** Shards are numbered through, whosever they are. */
  const numberOf = (queue: Queue, priority: Priority): number =>
    [common, ...own.values()].flatMap((lanes) => lanes?.[priority] ?? []).indexOf(queue);
  const shardFor = (partition: PartitionName, priority: Priority): Queue => {
    const shards = (own.get(jurisdictionOf(partition)) ?? common)[priority];
    const queue = shards[bucketOf(partition, shards.length)];
    if (queue === undefined) throw new Error(`the ${priority} lane has no shard for ${partition}`);
    return queue;
  };
  const sendTo = async (
    queue: Queue,
    priority: Priority,
    messages: readonly LaneMessage[],
  ): Promise<void> => {
    const backlog = await sendAll(queue, messages);
    if (backlog !== null) observeDepth?.(priority, numberOf(queue, priority), backlog);
  };
  return {
    async send(envelopes) {
      const [only, ...others] = envelopes;
      if (only !== undefined && others.length === 0) {
        // Nearly every request: nothing to sort.
        const { partition, priority } = only;
        return sendTo(shardFor(partition, priority), priority, [{ v: 1, kind: "event", envelope: only }]);
      }
      for (const priority of PRIORITIES) {
        const byQueue = new Map<Queue, LaneMessage[]>();
        for (const envelope of envelopes.filter((candidate) => candidate.priority === priority)) {
          const queue = shardFor(envelope.partition, priority);
          byQueue.set(queue, [...(byQueue.get(queue) ?? []), { v: 1, kind: "event", envelope }]);
        }
        for (const [queue, messages] of byQueue) await sendTo(queue, priority, messages);
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

/** Runtimes before the queues reported themselves answer nothing. Read by hand: this is on every request's way. */
function backlogIn(response: QueueSendResponse | undefined): number | null {
  const backlog: unknown = response?.metadata?.metrics?.backlogCount;
  return typeof backlog === "number" ? backlog : null;
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
