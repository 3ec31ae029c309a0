/** Undeliverable messages in R2, as `lanes/undeliverable.ts` keeps them; and the bodies that events have left there. */
import * as z from "zod";
import { jurisdictionOf, type Jurisdiction, type PartitionName } from "../core/ids.ts";
import { JURISDICTIONS, type PerJurisdiction } from "../platform/jurisdictions.ts";
import type { UndeliverablePage, UndeliverableShelf } from "./port.ts";

type Bucket = Pick<R2Bucket, "list" | "get" | "delete">;

const PREFIX = "undeliverable/";
const SUFFIX = ".json";

const keptSchema = z.object({ v: z.literal(1), keptAtMs: z.int(), body: z.json() });

/**
 * One shelf of all buckets, one after the other. What lies in a jurisdiction's own bucket has its name before its id
 * (`eu_…`; the platform's ids have no underscore) and before the cursor, so that nobody has to look into the others.
 */
export function createUndeliverableShelf(buckets: PerJurisdiction<Bucket>): UndeliverableShelf {
  const shelves = buckets.entries;
  const keyOf = (id: string) => {
    const { jurisdiction, rest } = unprefixed(id, "_");
    return { bucket: buckets.of(jurisdiction), key: PREFIX + rest + SUFFIX };
  };
  return {
    async list(limit, cursor) {
      const messages: UndeliverablePage["messages"][number][] = [];
      const start = cursor === null ? { jurisdiction: "none", rest: "" } : unprefixed(cursor, ".");
      let at = Math.max(
        0,
        shelves.findIndex(([jurisdiction]) => jurisdiction === start.jurisdiction),
      );
      let within = start.rest;
      for (let shelf = shelves[at]; shelf !== undefined; shelf = shelves[++at]) {
        const [jurisdiction, bucket] = shelf;
        if (messages.length >= limit) return { messages, cursor: prefixed(jurisdiction, ".", "") };
        const found = await bucket.list({
          prefix: PREFIX,
          limit: limit - messages.length,
          ...(within === "" ? {} : { cursor: within }),
        });
        within = "";
        messages.push(
          ...found.objects.map(({ key, size, uploaded }) => ({
            id: prefixed(jurisdiction, "_", key.slice(PREFIX.length, -SUFFIX.length)),
            sizeBytes: size,
            keptAtMs: uploaded.getTime(),
          })),
        );
        if (found.truncated) return { messages, cursor: prefixed(jurisdiction, ".", found.cursor) };
      }
      return { messages, cursor: null };
    },
    async get(id) {
      const { bucket, key } = keyOf(id);
      const object = await bucket.get(key);
      if (object === null) return null;
      const { keptAtMs, body } = keptSchema.parse(await object.json());
      return { keptAtMs, body };
    },
    async remove(id) {
      const { bucket, key } = keyOf(id);
      await bucket.delete(key);
    },
  };
}

function prefixed(jurisdiction: Jurisdiction, mark: "_" | ".", text: string): string {
  return jurisdiction === "none" ? text : `${jurisdiction}${mark}${text}`;
}

function unprefixed(
  text: string,
  mark: "_" | ".",
): { readonly jurisdiction: Jurisdiction; readonly rest: string } {
  const jurisdiction = JURISDICTIONS.find((name) => text.startsWith(name + mark));
  return jurisdiction === undefined
    ? { jurisdiction: "none", rest: text }
    : { jurisdiction, rest: text.slice(jurisdiction.length + 1) };
}

/** R2 lists and deletes a thousand at once. */
const KEYS_AT_ONCE = 1_000;

/** Bodies of the partition's events, and undeliverable messages that hold one of them. @returns how many were deleted */
export async function eraseBodies(
  buckets: PerJurisdiction<Bucket>,
  partition: PartitionName,
): Promise<number> {
  let erased = 0;
  for (const bucket of buckets.withCommon(jurisdictionOf(partition)))
    erased += await eraseIn(bucket, partition);
  return erased;
}

async function eraseIn(bucket: Bucket, partition: PartitionName): Promise<number> {
  let erased = await eraseMessages(bucket, partition);
  for (;;) {
    const { objects } = await bucket.list({ prefix: `bodies/evt_${partition}_`, limit: KEYS_AT_ONCE });
    if (objects.length === 0) return erased;
    await bucket.delete(objects.map((object) => object.key));
    erased += objects.length;
  }
}

/** Few messages are ever undeliverable, so each is looked into. */
async function eraseMessages(bucket: Bucket, partition: PartitionName): Promise<number> {
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
