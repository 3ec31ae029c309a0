/**
 * The edge's idempotency cache, its pure part: what is stored of an event that ended, when, and for how long.
 * Spec: docs/spec/idempotency.md.
 */
import * as z from "zod";
import type { JsonValue } from "./json.ts";
import type { EventRecord, StoredState } from "./partition/model.ts";

export const IDEMPOTENCY_MODES = ["results", "duplicates", "off"] as const;
export type IdempotencyMode = (typeof IDEMPOTENCY_MODES)[number];

/** An end that stays: what is open, dead, in review or expired may still change, and is the partition's to answer. */
const knownEndSchema = z.object({
  v: z.literal(1),
  state: z.enum(["done", "filtered"]),
  /** The body of the event's deliveries. Absent: it has none, or a large one. */
  result: z.optional(z.json()),
});

export interface KnownEnd {
  readonly state: "done" | "filtered";
  readonly result?: JsonValue;
}

/** Named limits; their reasons stand in `config/limits.ts`. */
export interface KeepLimits {
  readonly minKeepMs: number;
  readonly keepAfterRetriesMs: number;
  readonly minTtlSeconds: number;
  /** How long the partition remembers an id after the event's end: the cache never knows it for longer. */
  readonly rememberIdsMs: number;
}

/** null: not an end that stays. @param body of the deliveries; undefined when there is none */
export function knownEnd(
  state: StoredState | "leased" | null,
  body: JsonValue | undefined,
  maxResultBytes: number,
): KnownEnd | null {
  if (state !== "done" && state !== "filtered") return null;
  return state === "done" && body !== undefined && isSmall(body, maxResultBytes)
    ? { state, result: body }
    : { state };
}

/** The result of a record that is done, where it is small enough to be told. */
export function resultOf({ state, output }: EventRecord, maxResultBytes: number): Pick<KnownEnd, "result"> {
  const end = knownEnd(state, output?.body, maxResultBytes);
  return end?.result === undefined ? {} : { result: end.result };
}

/**
 * What an end does to the event's entry. `version` counts ends and re-entries (`EventRecord.version`): 1 is the first
 * end, of which nothing was told before.
 */
export function changeOnEnd(
  mode: IdempotencyMode,
  end: KnownEnd | null,
  version: number,
): "keep" | "forget" | null {
  if (mode === "off") return null;
  const isFirst = version <= 1;
  if (end === null) return isFirst ? null : "forget";
  return isFirst && mode === "duplicates" ? null : "keep";
}

/** @param retryWindowMs how long the sender goes on trying; null when it does not say */
export function keepSeconds(
  end: KnownEnd,
  retryWindowMs: number | null,
  retainMs: number,
  limits: KeepLimits,
): number {
  const wantedMs = Math.max(limits.minKeepMs, (retryWindowMs ?? 0) + limits.keepAfterRetriesMs);
  const allowedMs = end.result === undefined ? limits.rememberIdsMs : retainMs;
  const keepMs = Math.min(wantedMs, allowedMs, limits.rememberIdsMs);
  return Math.max(limits.minTtlSeconds, Math.floor(keepMs / 1_000));
}

export function writeKnownEnd(end: KnownEnd): string {
  return JSON.stringify({ v: 1, ...end });
}

/** null for anything else than an entry of this version: then the partition decides. */
export function readKnownEnd(text: string): KnownEnd | null {
  try {
    const parsed = knownEndSchema.safeParse(JSON.parse(text));
    if (!parsed.success) return null;
    const { state, result } = parsed.data;
    return result === undefined ? { state } : { state, result };
  } catch {
    return null;
  }
}

function isSmall(body: JsonValue, maxBytes: number): boolean {
  const text = JSON.stringify(body);
  return text.length <= maxBytes && encoder.encode(text).length <= maxBytes;
}

const encoder = new TextEncoder();
