/**
 * Event ids and partition names. Both are deterministic and route themselves: from an event id alone
 * one reaches the partition that holds it (docs/design.md, names and ids).
 *
 *   partition name   <jurisdiction><epoch><mode>_<partition hash>    d1o_7h3c…
 *   event id         evt_<partition name>_<event hash>               evt_d1o_7h3c…_k2m9…
 *
 * A hash is the first 130 bits of a SHA-256, as 26 characters of Crockford's base 32 in lower case.
 */
import * as z from "zod";
import type { Brand } from "./brand.ts";
import { err, ok, type Result } from "./result.ts";

export type EventId = Brand<string, "EventId">;
export type PartitionName = Brand<string, "PartitionName">;

/** Where objects must live by law. `none` is written `d` (default) in ids. */
export type Jurisdiction = "none" | "eu" | "us" | "fedramp";

/** How a partition is driven. Unordered events never wait for each other, so they live apart from ordered ones. */
export type PartitionMode = "ordered" | "unordered";

const LETTER_BY_JURISDICTION = { none: "d", eu: "e", us: "u", fedramp: "f" } as const;
const JURISDICTION_BY_LETTER: Readonly<Record<string, Jurisdiction>> = {
  d: "none",
  e: "eu",
  u: "us",
  f: "fedramp",
};
const HASH_LENGTH = 26;
const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";
const PARTITION_NAME = /^[deuf]\d{1,6}[ou]_[0-9a-hjkmnp-tv-z]{26}$/;
const EVENT_ID = /^evt_[deuf]\d{1,6}[ou]_[0-9a-hjkmnp-tv-z]{26}_[0-9a-hjkmnp-tv-z]{26}$/;

export interface PartitionIdentity {
  readonly jurisdiction: Jurisdiction;
  /** Rises when a source's `partitionBy` changes, so that old and new partitions are told apart. */
  readonly epoch: number;
  readonly mode: PartitionMode;
  /** The space the key lives in: the source's own name, or one that several sources share (`customer`). */
  readonly space: string;
  readonly key: string;
}

export async function makePartitionName(identity: PartitionIdentity): Promise<PartitionName> {
  const hash = await shortHash(["partition", identity.mode, identity.space, identity.key]);
  const prefix = `${LETTER_BY_JURISDICTION[identity.jurisdiction]}${identity.epoch}${identity.mode.charAt(0)}`;
  return `${prefix}_${hash}` as PartitionName; // built to the pattern above
}

/** The id covers (source, dedupe key, pipeline): one occurrence routed to two pipelines is two events. */
export async function makeEventId(partition: PartitionName, occurrence: EventOccurrence): Promise<EventId> {
  const hash = await hashOf(occurrence);
  return `evt_${partition}_${hash}` as EventId; // built to the pattern above
}

export interface EventOccurrence {
  readonly source: string;
  readonly dedupeKey: string;
  readonly pipeline: string;
}

function hashOf({ source, dedupeKey, pipeline }: EventOccurrence): Promise<string> {
  return shortHash(["event", source, dedupeKey, pipeline]);
}

/** Reads an id from outside. Anything that is not of the pattern is `invalid`. */
export function parseEventId(text: string): Result<EventId, "invalid"> {
  return EVENT_ID.test(text) ? ok(text as EventId) : err("invalid"); // checked by the pattern
}

export function parsePartitionName(text: string): Result<PartitionName, "invalid"> {
  return PARTITION_NAME.test(text) ? ok(text as PartitionName) : err("invalid"); // checked by the pattern
}

/** The same, as fields of what is parsed: messages, rows, summaries. */
export const eventIdSchema = z.custom<EventId>((value) => typeof value === "string" && EVENT_ID.test(value));
export const partitionNameSchema = z.custom<PartitionName>(
  (value) => typeof value === "string" && PARTITION_NAME.test(value),
);

export function partitionOf(id: EventId): PartitionName {
  return id.slice("evt_".length, -(HASH_LENGTH + 1)) as PartitionName; // an EventId embeds one
}

export function jurisdictionOf(name: PartitionName): Jurisdiction {
  return JURISDICTION_BY_LETTER[name.charAt(0)] ?? "none";
}

export function modeOf(name: PartitionName): PartitionMode {
  return name.charAt(name.indexOf("_") - 1) === "u" ? "unordered" : "ordered";
}

/** A stable number in [0, buckets) from a name's hash: lane shards, unkeyed partitions, guard shards. */
export function bucketOf(name: string, buckets: number): number {
  let sum = 0;
  for (let index = 0; index < name.length; index++) sum = (sum * 31 + name.charCodeAt(index)) >>> 0;
  return buckets <= 1 ? 0 : sum % buckets;
}

/** Length-prefixed parts, so that ("ab", "c") and ("a", "bc") differ. */
export async function shortHash(parts: readonly string[]): Promise<string> {
  const text = parts.map((part) => `${part.length}:${part}`).join("");
  return base32(new Uint8Array(await crypto.subtle.digest("SHA-256", encoder.encode(text))));
}

const encoder = new TextEncoder();

function base32(bytes: Uint8Array): string {
  let text = "";
  let buffered = 0;
  let bits = 0;
  for (const byte of bytes) {
    buffered = ((buffered << 8) | byte) & 0xffff;
    bits += 8;
    while (bits >= 5 && text.length < HASH_LENGTH) {
      bits -= 5;
      text += ALPHABET[(buffered >> bits) & 31] ?? "";
    }
  }
  return text;
}
