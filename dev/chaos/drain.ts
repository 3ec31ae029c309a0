/**
 * After the last kill: waits until what was acknowledged has had its effect, by the sink's records alone, so that
 * nothing is woken by being looked at. Only then asks the gateway how each event ended.
 */
import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod";
import { makeEventId, parseEventId, partitionOf } from "../../src/core/ids.ts";
import { LOCAL_API_TOKEN } from "../lib/local-secrets.ts";
import { appendLine } from "./json-lines.ts";
import { readRecords, referenceOf, type Ack, type End, type Files } from "./records.ts";
import type { Sending } from "./sender.ts";

export interface DrainOptions {
  readonly url: string;
  readonly files: Files;
  readonly sending: Sending;
  readonly events: number;
  readonly leaseMs: number;
  /** For all of it. */
  readonly drainMs: number;
  readonly show: () => void;
}

const LOOK_EVERY_MS = 500;
/** Longer than a stranded lease: with no effect for so long, none will come. */
const SLACK_MS = 30_000;
const ASK_EVERY_MS = 1_000;
/** Even when the effects have taken all the time. */
const ASK_WITHIN_MS = 20_000;
/** Repeats come late if they come at all. */
const QUIET_MS = 2_000;
const ASK_AT_ONCE = 8;

const SETBACKS = new Set(["retrying", "deferred", "lease_expired"]);
const OPEN_STATES = new Set(["pending", "leased", "retrying", "deferred", "unknown"]);

/** @returns false when time was up before every acknowledged event had ended */
export async function drain(options: DrainOptions): Promise<boolean> {
  const { files } = options;
  const deadlineMs = Date.now() + options.drainMs;
  await untilEffects(options, deadlineMs);
  const askUntilMs = Math.max(deadlineMs, Date.now() + ASK_WITHIN_MS);
  const chains = await Promise.all(readRecords(files).acks.map(chainOf));
  const ends = new Map<string, End>();
  const stateOf = ({ eventId }: Asked): string => ends.get(eventId)?.state ?? "unknown";
  // Per chain the first link that is not done; one that ended otherwise has no next.
  const openLinks = (): Asked[] =>
    chains
      .flatMap((chain) => chain.find((one) => stateOf(one) !== "done") ?? [])
      .filter((one) => OPEN_STATES.has(stateOf(one)));
  for (let due = openLinks(); due.length > 0 && Date.now() < askUntilMs; due = openLinks()) {
    for (let from = 0; from < due.length; from += ASK_AT_ONCE) {
      const answers = await Promise.all(
        due.slice(from, from + ASK_AT_ONCE).map((one) => ask(options.url, one)),
      );
      for (const end of answers) ends.set(end.eventId, end);
    }
    options.show();
    await sleep(ASK_EVERY_MS);
  }
  await sleep(QUIET_MS);
  for (const end of ends.values()) appendLine(files.ends, end);
  return openLinks().length === 0;
}

async function untilEffects(options: DrainOptions, deadlineMs: number): Promise<void> {
  const { files, sending, events, leaseMs } = options;
  let seen = -1;
  let sinceMs = Date.now();
  while (Date.now() < deadlineMs && Date.now() - sinceMs < leaseMs + SLACK_MS) {
    const { acks, deliveries } = readRecords(files);
    const delivered = new Set(deliveries.map(referenceOf));
    if (sending.counts().acknowledged === events && acks.every(({ reference }) => delivered.has(reference)))
      return;
    if (deliveries.length + acks.length !== seen) sinceMs = Date.now();
    seen = deliveries.length + acks.length;
    options.show();
    await sleep(LOOK_EVERY_MS);
  }
}

interface Asked {
  readonly reference: string;
  readonly eventId: string;
}

/** The acknowledged event, and for a document the two that it becomes. */
async function chainOf({ eventId, sender, reference }: Ack): Promise<readonly Asked[]> {
  if (sender !== "documents") return [{ reference, eventId }];
  const entities = await childOf(eventId, "document-entities");
  const classified = await childOf(entities, "document-classify");
  return [eventId, entities, classified].map((id) => ({ reference, eventId: id }));
}

/** The id of the first event that an event's first run emits. */
async function childOf(parent: string, pipeline: string): Promise<string> {
  const id = parseEventId(parent);
  if (!id.ok) throw new Error(`the gateway's answer has no event id: ${parent}`);
  return makeEventId(partitionOf(id.value), { source: `emit:${id.value}`, dedupeKey: "1.0", pipeline });
}

const viewSchema = z.looseObject({
  state: z.string(),
  late: z.boolean(),
  output: z.nullable(z.looseObject({ model: z.unknown() })),
  timeline: z.array(z.looseObject({ atMs: z.number(), what: z.string() })),
});

async function ask(url: string, asked: Asked): Promise<End> {
  const unknown: End = { ...asked, state: "unknown", late: false, outputAtMs: null, setbacksAtMs: [] };
  try {
    const response = await fetch(`${url}/v1/events/${asked.eventId}`, {
      headers: { authorization: `Bearer ${LOCAL_API_TOKEN}` },
      signal: AbortSignal.timeout(10_000),
    });
    const body: unknown = await response.json();
    if (response.status !== 200) return unknown;
    const { state, late, output, timeline } = viewSchema.parse(body);
    const stored = timeline.find(({ what }) => what === "output");
    const outputAtMs = (output?.model ?? null) === null ? null : (stored?.atMs ?? null);
    const setbacksAtMs = timeline.filter(({ what }) => SETBACKS.has(what)).map(({ atMs }) => atMs);
    return { ...asked, state, late, outputAtMs, setbacksAtMs };
  } catch {
    return unknown;
  }
}
