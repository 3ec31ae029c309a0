/**
 * A stream's Durable Object: it owns one generation, from before the model is called until its log is deleted. Shows a frame at
 * once, stores frames packed, and ends what nobody generates any more. It decides nothing about the log itself, and never
 * calls the model a second time.
 */
import { DurableObject } from "cloudflare:workers";
import { LIMITS } from "../config/limits.ts";
import { messageOf, unreachable } from "../core/result.ts";
import {
  append,
  attach,
  begin,
  finish,
  flush,
  framesAfter,
  interrupted,
  nextFlushMs,
  recover,
  watch,
  type Step,
} from "../core/stream/machine.ts";
import { hasEnded, type Ending, type Frame, type StreamLog } from "../core/stream/model.ts";
import { estimateInputTokens, weighTokens } from "../models/estimate.ts";
import type { TokenUsage } from "../models/port.ts";
import { problemResponse, type Problem } from "../platform/problem.ts";
import { admitCall, type CallDeps } from "./admit-call.ts";
import { createEncoder, parseFormat, type StreamFacts, type StreamFormat } from "./formats/format.ts";
import { Generation } from "./generation.ts";
import { problemOfFailure, UNKNOWN_STREAM } from "./stream-problems.ts";
import { StreamStore } from "./stream-store.ts";
import { STREAM_MESSAGE_VERSION, type StartCommand, type StreamStatus } from "./stub.ts";
import { openViewer, type WatchedLog } from "./viewer.ts";

const limits = LIMITS.streams;

const TOO_MANY_VIEWERS: Problem = { status: 429, code: "too-many-viewers", title: "The stream is crowded" };

export abstract class StreamObjectBase<Env = unknown> extends DurableObject<Env> {
  private readonly store: StreamStore;
  private log: StreamLog | null = null;
  private starting: Promise<Problem | null> | null = null;
  private generation: Generation | null = null;
  private flushTimer: ReturnType<typeof setTimeout> | undefined;
  private readonly waiting = new Set<() => void>();
  private viewers = 0;

  constructor(state: DurableObjectState, env: Env) {
    super(state, env);
    this.store = new StreamStore(state.storage);
    const stored = this.store.load();
    if (stored === null) return;
    // Whoever generated is gone with the last instance.
    void state.blockConcurrencyWhile(async () => {
      await this.apply(
        recover(stored, () => this.storedUsage(stored.record.inputTokens), Date.now(), limits),
      );
    });
  }

  /** What a generation needs of the gateway; the config is not this file's to see. */
  protected abstract services(): CallDeps;

  /** POST starts (a `StartCommand`), GET watches. Reached by the gateway's own routes alone. */
  override async fetch(request: Request): Promise<Response> {
    if (request.method === "POST") return this.start(await request.json<StartCommand>()); // made by startRequest
    const { searchParams } = new URL(request.url);
    const format = parseFormat(searchParams.get("format") ?? undefined) ?? "sluice";
    const after = searchParams.get("after");
    return this.attach(format, after === null ? null : Number(after));
  }

  async stop(): Promise<StreamStatus | null> {
    if (this.log === null) return null;
    const { generation } = this;
    await this.finish({ kind: "stopped", usage: generation?.usage ?? null });
    generation?.stop();
    return { id: this.log.record.id, state: this.log.state };
  }

  /** Never throws: the platform would retry a few times and then forget the alarm. */
  override async alarm(): Promise<void> {
    try {
      if (this.log !== null) await this.lookAfter(this.log);
    } catch (thrown) {
      this.services().log.error("stream.alarm_failed", { error: messageOf(thrown) });
      await this.ctx.storage.setAlarm(Date.now() + limits.watchdogMs);
    }
  }

  private async start(command: StartCommand): Promise<Response> {
    if (command.v !== STREAM_MESSAGE_VERSION) throw new Error("a start of another version");
    if (this.log === null) {
      this.starting ??= this.begin(command);
      const refused = await this.starting;
      this.starting = null;
      if (refused !== null) return problemResponse(refused);
    }
    if (this.log === null) return problemResponse(UNKNOWN_STREAM);
    if (command.watch === null) return Response.json({ id: command.id });
    const failed = await this.generation?.spoken;
    if (failed !== undefined) return problemResponse(problemOfFailure(failed));
    const { format, links } = command.watch;
    return this.view(this.log, format, 0, { links });
  }

  /** Owns the call before it is made: record and alarm are durable before the model hears of it. */
  private async begin({ id, request }: StartCommand): Promise<Problem | null> {
    const deps = this.services();
    const admitted = await admitCall(deps, request);
    if (!admitted.ok) return admitted.error;
    const startedAtMs = Date.now();
    const record = {
      v: 1,
      id,
      model: request.model,
      startedAtMs,
      deadlineMs: startedAtMs + admitted.value.lifeMs,
      inputTokens: estimateInputTokens(request.texts),
    } as const;
    const generation = new Generation({
      id,
      deps,
      call: admitted.value,
      request,
      log: {
        append: async (text) => {
          if (this.log !== null) await this.apply(append(this.log, text, Date.now(), limits));
        },
        finish: (ending) => this.finish(ending),
      },
    });
    this.store.begin(record);
    this.log = begin(record);
    this.generation = generation;
    await this.ctx.storage.setAlarm(startedAtMs + limits.watchdogMs);
    await this.ctx.storage.sync();
    this.ctx.waitUntil(
      generation.run().finally(() => {
        this.generation = null;
      }),
    );
    return null;
  }

  private async finish(ending: Ending): Promise<void> {
    if (this.log !== null) await this.apply(finish(this.log, ending, Date.now(), limits));
  }

  /** Stores what a step asks for, then lets the viewers see it. Rows and alarm are written in one turn. */
  private async apply({ log, store }: Step): Promise<void> {
    const ends = this.log !== null && hasEnded(log) && !hasEnded(this.log);
    if (store !== null) this.store.add(store);
    const recovered = this.log === null && store !== null;
    this.log = log;
    this.scheduleFlush(log);
    for (const wake of this.waiting) wake();
    if ((ends || recovered) && log.endedAtMs !== null) {
      await this.ctx.storage.setAlarm(log.endedAtMs + limits.retentionMs);
    }
  }

  private scheduleFlush(log: StreamLog): void {
    const dueMs = nextFlushMs(log, limits);
    if (dueMs === null) {
      if (this.flushTimer !== undefined) clearTimeout(this.flushTimer);
      this.flushTimer = undefined;
      return;
    }
    this.flushTimer ??= setTimeout(
      () => {
        this.flushTimer = undefined;
        if (this.log !== null) this.ctx.waitUntil(this.apply(flush(this.log, Date.now(), limits)));
      },
      Math.max(0, dueMs - Date.now()),
    );
  }

  private attach(format: StreamFormat, after: number | null): Response {
    const { log } = this;
    if (log === null) return problemResponse(UNKNOWN_STREAM);
    const cursor = attach(log, after ?? 0);
    // `useChat` names no place: nothing is active any more. Others have read all there is.
    const nothingMore = cursor >= log.lastId || (format === "ui" && after === null);
    if (hasEnded(log) && nothingMore) return new Response(null, { status: 204 });
    if (this.viewers >= limits.maxViewers) return problemResponse(TOO_MANY_VIEWERS);
    return this.view(log, format, format === "ui" ? 0 : cursor, {});
  }

  private view(
    { record }: StreamLog,
    format: StreamFormat,
    cursor: number,
    more: Pick<StreamFacts, "links">,
  ): Response {
    const encoder = createEncoder(format, { ...record, ...more });
    this.viewers += 1;
    const body = openViewer(this.watched(), {
      cursor,
      encoder,
      heartbeatMs: limits.heartbeatMs,
      left: () => {
        this.viewers -= 1;
      },
    });
    return new Response(body, { headers: encoder.headers });
  }

  private watched(): WatchedLog {
    return {
      framesAfter: (cursor) => this.framesAfter(cursor),
      changed: (signal) =>
        new Promise((resolve) => {
          const wake = () => {
            this.waiting.delete(wake);
            signal.removeEventListener("abort", wake);
            resolve();
          };
          this.waiting.add(wake);
          signal.addEventListener("abort", wake);
          if (signal.aborted) wake();
        }),
    };
  }

  private framesAfter(cursor: number): readonly Frame[] {
    if (this.log === null) throw new Error("the stream is past its retention");
    const frames = framesAfter(this.log, cursor);
    return frames === "stored" ? this.store.framesAfter(this.log.record, cursor) : frames;
  }

  private async lookAfter(log: StreamLog): Promise<void> {
    const next = watch(log, Date.now(), this.generation !== null, limits);
    switch (next.kind) {
      case "wait":
        await this.ctx.storage.setAlarm(next.atMs);
        return;
      case "interrupt": {
        const usage = this.generation?.usage ?? this.storedUsage(log.record.inputTokens);
        await this.finish(interrupted(usage));
        this.generation?.stop();
        return;
      }
      case "retire":
        this.log = null;
        await this.ctx.storage.deleteAlarm();
        await this.ctx.storage.deleteAll();
        return;
      default:
        unreachable(next);
    }
  }

  /** By what was stored: the provider was paid for at least that. */
  private storedUsage(inputTokens: number): TokenUsage {
    let weight = 0;
    this.store.forEachText((text) => {
      weight += weighTokens(text);
    });
    return { inputTokens, outputTokens: Math.ceil(weight), estimated: true };
  }
}
