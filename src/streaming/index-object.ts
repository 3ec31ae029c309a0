/**
 * The list of one user's streams, as an object of its own: `GET /v1/streams?user=` and the limits per user and per API token.
 * One stored value, written when a stream starts and when it ends; gone when nothing on it can be read any more.
 */
import { DurableObject } from "cloudflare:workers";
import { LIMITS } from "../config/limits.ts";
import {
  emptyAtMs,
  endStart,
  listStarts,
  openStart,
  type IndexEntry,
  type StartLimits,
} from "../core/stream/start-index.ts";
import type { StreamState } from "../core/stream/model.ts";

export interface StartEntry {
  readonly id: string;
  readonly model: string;
  readonly deadlineMs: number;
}

export type StartAnswer =
  | { readonly kind: "opened" }
  | { readonly kind: "refused"; readonly reason: "starts" | "concurrency"; readonly retryAtMs: number };

export interface StreamIndexRpc {
  open(start: StartEntry, limits: StartLimits): Promise<StartAnswer>;
  ended(id: string, state: StreamState): Promise<void>;
  list(): Promise<readonly IndexEntry[]>;
}

const KEY = "streams";
const VERSION = 1;
const limits = LIMITS.streams.index;

interface Stored {
  readonly v: typeof VERSION;
  readonly entries: readonly IndexEntry[];
}

export class StreamIndexObject extends DurableObject<unknown> implements StreamIndexRpc {
  private entries: readonly IndexEntry[] = [];

  constructor(state: DurableObjectState, env: unknown) {
    super(state, env);
    const stored = state.storage.kv.get<Stored>(KEY); // written by store
    if (stored?.v === VERSION) this.entries = stored.entries;
  }

  async open(start: StartEntry, startLimits: StartLimits): Promise<StartAnswer> {
    const opened = openStart(this.entries, { ...start, startedAtMs: Date.now() }, startLimits, limits);
    if (opened.kind === "refused") return opened;
    this.store(opened.entries);
    if ((await this.ctx.storage.getAlarm()) === null) await this.armFor(opened.entries);
    return { kind: "opened" };
  }

  async ended(id: string, state: StreamState): Promise<void> {
    if (this.entries.some((entry) => entry.id === id && entry.endedAtMs === null)) {
      this.store(endStart(this.entries, id, state, Date.now()));
    }
  }

  async list(): Promise<readonly IndexEntry[]> {
    return listStarts(this.entries, Date.now(), limits);
  }

  override async alarm(): Promise<void> {
    const atMs = emptyAtMs(this.entries, limits);
    if (atMs !== null && atMs > Date.now()) return this.armFor(this.entries);
    this.entries = [];
    await this.ctx.storage.deleteAll();
  }

  private store(entries: readonly IndexEntry[]): void {
    this.entries = entries;
    this.ctx.storage.kv.put(KEY, { v: VERSION, entries } satisfies Stored);
  }

  private async armFor(entries: readonly IndexEntry[]): Promise<void> {
    const atMs = emptyAtMs(entries, limits);
    if (atMs !== null) await this.ctx.storage.setAlarm(atMs);
  }
}
