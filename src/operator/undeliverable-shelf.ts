/** Undeliverable messages in R2, as `lanes/undeliverable.ts` keeps them; and the bodies that events have left there. */
import * as z from "zod";
import type { PartitionName } from "../core/ids.ts";
import type { UndeliverableShelf } from "./port.ts";

const PREFIX = "undeliverable/";
const SUFFIX = ".json";

const keptSchema = z.object({ v: z.literal(1), keptAtMs: z.int(), body: z.json() });

export function createUndeliverableShelf(bucket: R2Bucket): UndeliverableShelf {
  return {
    async list(limit, cursor) {
      const found = await bucket.list({ prefix: PREFIX, limit, ...(cursor === null ? {} : { cursor }) });
      const messages = found.objects.map(({ key, size, uploaded }) => ({
        id: key.slice(PREFIX.length, -SUFFIX.length),
        sizeBytes: size,
        keptAtMs: uploaded.getTime(),
      }));
      return { messages, cursor: found.truncated ? found.cursor : null };
    },
    async get(id) {
      const object = await bucket.get(PREFIX + id + SUFFIX);
      if (object === null) return null;
      const { keptAtMs, body } = keptSchema.parse(await object.json());
      return { keptAtMs, body };
    },
    async remove(id) {
      await bucket.delete(PREFIX + id + SUFFIX);
    },
  };
}

/** R2 lists and deletes a thousand at once. */
const KEYS_AT_ONCE = 1_000;

/** Bodies of the partition's events, and undeliverable messages that hold one of them. @returns how many were deleted */
export async function eraseBodies(bucket: R2Bucket, partition: PartitionName): Promise<number> {
  let erased = await eraseMessages(bucket, partition);
  for (;;) {
    const { objects } = await bucket.list({ prefix: `bodies/evt_${partition}_`, limit: KEYS_AT_ONCE });
    if (objects.length === 0) return erased;
    await bucket.delete(objects.map((object) => object.key));
    erased += objects.length;
  }
}

/** Few messages are ever undeliverable, so each is looked into. */
async function eraseMessages(bucket: R2Bucket, partition: PartitionName): Promise<number> {
  let erased = 0;
  let cursor: string | undefined;
  do {
    const found = await bucket.list({ prefix: PREFIX, ...(cursor === undefined ? {} : { cursor }) });
    for (const { key } of found.objects) {
      const text = await (await bucket.get(key))?.text();
      if (text?.includes(`evt_${partition}_`) !== true) continue;
      await bucket.delete(key);
      erased++;
    }
    cursor = found.truncated ? found.cursor : undefined;
  } while (cursor !== undefined);
  return erased;
}
