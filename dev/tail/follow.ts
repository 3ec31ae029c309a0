/**
 * Follows the ledger's list of events over the operator API. An event is listed under the time it was accepted, and may end
 * much later, so each look goes over the last while again and tells what it has not told before.
 */
import * as z from "zod";

export const tailEventSchema = z.object({
  id: z.string(),
  version: z.int(),
  state: z.string(),
  source: z.string(),
  type: z.string(),
  pipeline: z.string(),
  partitionKey: z.string(),
  late: z.boolean(),
  receivedAtMs: z.number(),
  endedAtMs: z.nullable(z.number()),
  attempts: z.number(),
  failure: z.nullable(
    z.object({ stage: z.string(), class: z.string(), code: z.string(), message: z.string() }),
  ),
  model: z.nullable(
    z.object({ name: z.string(), costMicros: z.nullable(z.number()), durationMs: z.number() }),
  ),
});
export type TailEvent = z.infer<typeof tailEventSchema>;

const pageSchema = z.object({ events: z.array(tailEventSchema), next: z.nullable(z.string()) });

export interface FollowOptions {
  readonly url: string;
  readonly token: string;
  /** As the API names them: `state`, `source`, `type`, `pipeline`, `customer`, `code`. */
  readonly filter: Readonly<Record<string, string>>;
  /** How long ago an event may have been accepted and still be told of. */
  readonly lookBackMs: number;
  readonly fetch: typeof fetch;
}

/** A page has at most as many events as the API gives at once; a look reads no more than these. */
const MAX_PAGES = 10;
const PAGE_EVENTS = 100;
/** Told events that are remembered: more than a look can see. */
const MAX_REMEMBERED = 20_000;

export interface Follower {
  /** What is new since the last look, the oldest first. @throws Error with the API's word when it refuses */
  look(nowMs: number): Promise<readonly TailEvent[]>;
}

export function createFollower(options: FollowOptions): Follower {
  const told = new Set<string>();
  const read = async (nowMs: number): Promise<TailEvent[]> => {
    const found: TailEvent[] = [];
    let cursor: string | null = null;
    for (let page = 0; page < MAX_PAGES; page++) {
      const answer = await readPage(options, nowMs - options.lookBackMs, cursor);
      found.push(...answer.events);
      cursor = answer.next;
      if (cursor === null) break;
    }
    return found;
  };
  return {
    async look(nowMs) {
      const fresh = (await read(nowMs)).filter((event) => {
        const key = `${event.id} ${event.version}`;
        if (told.has(key)) return false;
        told.add(key);
        return true;
      });
      for (const key of told) {
        if (told.size <= MAX_REMEMBERED) break;
        told.delete(key);
      }
      return fresh.toSorted((left, right) => whenOf(left) - whenOf(right));
    },
  };
}

function whenOf(event: TailEvent): number {
  return event.endedAtMs ?? event.receivedAtMs;
}

async function readPage(options: FollowOptions, fromMs: number, cursor: string | null) {
  const url = new URL("/admin/v1/events", options.url);
  for (const [name, value] of Object.entries(options.filter)) url.searchParams.set(name, value);
  url.searchParams.set("fromMs", String(Math.max(0, Math.floor(fromMs))));
  url.searchParams.set("limit", String(PAGE_EVENTS));
  if (cursor !== null) url.searchParams.set("cursor", cursor);
  const response = await options.fetch(url, { headers: { authorization: `Bearer ${options.token}` } });
  if (!response.ok) throw new Error(`${url.pathname} answered ${response.status}: ${await response.text()}`);
  return pageSchema.parse(await response.json());
}

const MARK: Readonly<Record<string, string>> = {
  done: "✓",
  dead: "✗",
  expired: "✗",
  review: "?",
  filtered: "–",
};

/** One event, one line. */
export function lineOf(event: TailEvent): string {
  const { state, source, type, pipeline, partitionKey, failure, model } = event;
  const time = new Date(whenOf(event)).toISOString().slice(11, 23);
  const tookMs = event.endedAtMs === null ? null : event.endedAtMs - event.receivedAtMs;
  const parts = [
    time,
    MARK[state] ?? "·",
    state.padEnd(8),
    `${source}/${type} → ${pipeline}`,
    partitionKey,
    ...(tookMs === null ? [] : [`${tookMs} ms`]),
    ...(model === null
      ? []
      : [`${model.name}${model.costMicros === null ? "" : ` $${(model.costMicros / 1e6).toFixed(6)}`}`]),
    ...(failure === null ? [] : [`${failure.stage}: ${failure.code} ${failure.message}`]),
    ...(event.late ? ["late"] : []),
    event.id,
  ];
  // What a sender or a destination wrote must not steer this terminal.
  return parts.join("  ").replaceAll(/\p{Cc}/gu, " ");
}
