/** Who may start one more stream: the limits per user and per API token, each counted by an object of its own. */
import type { StreamLimitsByKey } from "../config/gateway-options.ts";
import { LIMITS } from "../config/limits.ts";
import type { IndexEntry, StartLimits } from "../core/stream/start-index.ts";
import type { StreamState } from "../core/stream/model.ts";
import type { Problem } from "../platform/problem.ts";
import type { StartAnswer, StartEntry, StreamIndexRpc } from "./index-object.ts";
import { retryAfter } from "./stream-problems.ts";

export interface StreamIndexNamespace {
  idFromName(name: string): DurableObjectId;
  get(id: DurableObjectId): DurableObjectStub & StreamIndexRpc;
}

export interface StartGateDeps {
  readonly indexes: StreamIndexNamespace;
  readonly limits: StreamLimitsByKey;
  readonly nowMs: () => number;
}

export interface Starter {
  readonly user: string | null;
  readonly apiToken: string | null;
}

/** Names of the indexes that count this stream: told of its end. */
export type IndexKeys = readonly string[];

export interface StartGate {
  /** Counts the start where it is to be counted. */
  open(starter: Starter, start: Pick<StartEntry, "id" | "model">): Promise<IndexKeys | Problem>;
  list(user: string): Promise<readonly IndexEntry[]>;
}

export function createStartGate(deps: StartGateDeps): StartGate {
  return {
    async open(starter, { id, model }) {
      const start = { id, model, deadlineMs: deps.nowMs() + LIMITS.streams.maxLifeMs };
      const counted: string[] = [];
      for (const [key, limits] of await countersOf(deps.limits, starter)) {
        const answer = await indexOf(deps.indexes, key).open(start, limits);
        if (answer.kind === "opened") {
          counted.push(key);
          continue;
        }
        await endStart(deps.indexes, counted, id, "error");
        return problemOf(answer, deps.nowMs());
      }
      return counted;
    },
    list: async (user) => indexOf(deps.indexes, await userKey(user)).list(),
  };
}

/** Tells the indexes that a stream has ended. One that does not hear of it finds out when the stream's time is over. */
export async function endStart(
  indexes: StreamIndexNamespace,
  keys: IndexKeys,
  id: string,
  state: StreamState,
): Promise<void> {
  await Promise.all(keys.map((key) => indexOf(indexes, key).ended(id, state)));
}

async function countersOf(
  { perUser, perToken }: StreamLimitsByKey,
  { user, apiToken }: Starter,
): Promise<readonly (readonly [key: string, limits: StartLimits])[]> {
  const counters: (readonly [string, StartLimits])[] = [];
  if (perToken !== undefined && apiToken !== null) {
    counters.push([`token:${await digestOf(apiToken)}`, perToken]);
  }
  if (user !== null) counters.push([await userKey(user), perUser]);
  return counters;
}

async function userKey(user: string): Promise<string> {
  return `user:${await digestOf(user)}`;
}

/** Neither a token nor a person's name is the name of an object. */
async function digestOf(text: string): Promise<string> {
  const digest = await crypto.subtle.digest(
    "SHA-256",
    new TextEncoder().encode(`sluice stream index: ${text}`),
  );
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function indexOf(indexes: StreamIndexNamespace, key: string) {
  return indexes.get(indexes.idFromName(key));
}

function problemOf(refused: Extract<StartAnswer, { kind: "refused" }>, nowMs: number): Problem {
  const headers = retryAfter(refused.retryAtMs - nowMs);
  return refused.reason === "starts"
    ? { status: 429, code: "too-many-starts", title: "Too many streams were started in a minute", headers }
    : { status: 429, code: "too-many-streams", title: "Too many streams are open at once", headers };
}
