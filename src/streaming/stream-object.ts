/**
 * A stream's Durable Object: it owns one generation, from before the model is called until its log is deleted. Shows a frame at
 * once, stores frames packed, and ends what nobody generates any more. It decides nothing about the log itself, and calls the model
 * a second time only where that was chosen, after a rewind.
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
  isOpen,
  lastShownId,
  nextFlushMs,
  recover,
  reopen,
  watch,
  type Step,
} from "../core/stream/machine.ts";
import {
  hasEnded,
  isEnding,
  type Ending,
  type Frame,
  type StreamLog,
  type StreamRecord,
} from "../core/stream/model.ts";
import { estimateInputTokens } from "../models/estimate.ts";
import { problemResponse } from "../platform/problem.ts";
import { admitCall, problemOfRefusal, type AdmittedCall, type Refusal } from "./admit-call.ts";
import { Audience } from "./audience.ts";
import { parseFormat, type StreamFormat } from "./formats/format.ts";
import { Generation, type GenerationResult } from "./generation.ts";
import { LateFlush } from "./late-flush.ts";
import type { RunOutcome, StreamRequest } from "./port.ts";
import { outcomeOf, outcomeOfRefusal } from "./run-outcome.ts";
import { problemOfFailure, TOO_MANY_VIEWERS, UNKNOWN_STREAM } from "./stream-problems.ts";
import { reportEnd, type StreamServices } from "./stream-services.ts";
import { NOTHING_ASKED, StreamStore, type Asked, type StoredStream } from "./stream-store.ts";
import {
  STREAM_MESSAGE_VERSION,
  STREAM_STATE_HEADER,
  type RunCommand,
  type StartCommand,
  type StreamStatus,
} from "./stub.ts";

const limits = LIMITS.streams;

/** A question to the model, and what is kept of it. */
interface Question {
  readonly id: string;
  readonly request: StreamRequest;
  readonly asked: Asked;
}

export abstract class StreamObjectBase<Env = unknown> extends DurableObject<Env> {
  private readonly store: StreamStore;
  private readonly audience = new Audience((cursor) => this.framesAfter(cursor));
  private log: StreamLog | null = null;
  private asked: Asked = NOTHING_ASKED;
  private asks = 0;
  private asking: Promise<Refusal | null> | null = null;
  private generation: Generation | null = null;
  /** What the last one heard; null: another instance did, or there was none. */
  private heard: GenerationResult | null = null;
  private readonly lateFlush = new LateFlush(() => {
    if (this.log !== null) this.ctx.waitUntil(this.apply(flush(this.log, Date.now(), limits)));
  });

  constructor(state: DurableObjectState, env: Env) {
    super(state, env);
    this.store = new StreamStore(state.storage);
    const stored = this.store.load();
    // Whoever generated is gone with the last instance.
    if (stored !== null) void state.blockConcurrencyWhile(() => this.comeBack(stored));
  }

  /** What a generation needs of the gateway; the config is not this file's to see. */
  protected abstract services(): StreamServices;

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

  async run(command: RunCommand): Promise<RunOutcome> {
    if (command.v !== STREAM_MESSAGE_VERSION) throw new Error("a run of another version");
    const refused = await this.join(command);
    if (refused !== null) return outcomeOfRefusal(refused);
    // The generation's own end; a stop or the watchdog may have ended the log before.
    const heard = this.generation === null ? this.heard : await this.generation.result;
    const ending = this.log?.tail.at(-1)?.body;
    if (ending === undefined || !isEnding(ending))
      throw new Error("the stream was taken up by somebody else");
    return outcomeOf(ending, this.store.texts().join(""), heard);
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
    const { id, request, onInterruption, countedBy = [], watch: watches } = command;
    if (this.log === null) {
      const asked = { fingerprint: null, request: onInterruption === "reask" ? request : null, countedBy };
      this.asking ??= this.ask({ id, request, asked });
      const refused = await this.asking;
      this.asking = null;
      if (refused !== null) return problemResponse(problemOfRefusal(refused, Date.now()));
    }
    if (this.log === null) return problemResponse(UNKNOWN_STREAM);
    if (watches === null) return Response.json({ id });
    const failed = await this.generation?.spoken;
    if (failed !== undefined) return problemResponse(problemOfFailure(failed));
    return this.audience.view(this.log.record, watches.format, 0, watches.links);
  }

  /** The generation of this question: the one that runs or has succeeded, else a new one in its place. */
  private async join(command: RunCommand): Promise<Refusal | null> {
    while (this.asking !== null) await this.asking;
    const { log } = this;
    const { id, request, fingerprint } = command;
    const isSame = this.asked.fingerprint === fingerprint;
    const stands = log !== null && (!hasEnded(log) || log.state === "done" || log.state === "stopped");
    if (isSame && stands) return null;
    const asking = this.ask({ id, request, asked: { ...NOTHING_ASKED, fingerprint } }, log?.lastId);
    this.asking = asking;
    try {
      return await asking;
    } finally {
      this.asking = null;
    }
  }

  /**
   * Owns the call before it is made: record and alarm are durable before the model hears of it.
   *
   * @param lastShown the last id that anybody can have seen, when there is something to be taken back
   */
  private async ask({ id, request, asked }: Question, lastShown?: number): Promise<Refusal | null> {
    const admitted = await admitCall(this.services(), request);
    if (!admitted.ok) return admitted.error;
    this.generation?.stop();
    const startedAtMs = Date.now();
    const record: StreamRecord = {
      v: 1,
      id,
      model: request.model,
      startedAtMs,
      deadlineMs: startedAtMs + admitted.value.lifeMs,
      inputTokens: estimateInputTokens(request.texts),
      asks: this.asks + 1,
    };
    const generation = this.generationOf(id, request, admitted.value);
    if (lastShown === undefined) {
      this.store.begin(record, asked);
      this.log = begin(record);
    } else {
      const reopened = reopen(record, lastShown, startedAtMs);
      this.store.reopen(record, asked, reopened.store);
      this.log = reopened.log;
    }
    this.asked = asked;
    this.asks += 1;
    this.generation = generation;
    this.heard = null;
    this.audience.wake();
    await this.ctx.storage.setAlarm(startedAtMs + limits.watchdogMs);
    await this.ctx.storage.sync();
    this.ctx.waitUntil(
      generation.run().then(async () => {
        const heard = await generation.result;
        if (this.generation !== generation) return;
        this.generation = null;
        this.heard = heard;
      }),
    );
    return null;
  }

  private generationOf(id: string, request: StreamRequest, call: AdmittedCall): Generation {
    const generation: Generation = new Generation({
      id,
      deps: this.services(),
      call,
      request,
      // One that was replaced may still be talking.
      log: {
        append: async (text) => {
          if (this.log !== null && this.generation === generation) {
            await this.apply(append(this.log, text, Date.now(), limits));
          }
        },
        finish: async (ending) => {
          if (this.generation === generation) await this.finish(ending);
        },
      },
    });
    return generation;
  }

  /** After the object died: the log as it is stored, and, where it was open, its end or one more try. */
  private async comeBack(stored: StoredStream): Promise<void> {
    // The subclass is still being built.
    await Promise.resolve();
    const { record, asked } = stored;
    this.asked = asked;
    this.asks = record.asks ?? 1;
    const { id, model } = record;
    if (isOpen(stored) && asked.request !== null && this.asks <= limits.maxReasks) {
      const question = { id, request: { ...asked.request, model }, asked };
      if ((await this.ask(question, lastShownId(stored, limits))) === null) return;
    }
    const usage = () => this.store.usage(record.inputTokens);
    await this.apply(recover(stored, usage, Date.now(), limits));
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
    this.lateFlush.set(nextFlushMs(log, limits), Date.now());
    this.audience.wake();
    if ((ends || recovered) && log.endedAtMs !== null) {
      this.ctx.waitUntil(reportEnd(this.services(), this.asked.countedBy, log.record.id, log.state));
      await this.ctx.storage.setAlarm(log.endedAtMs + limits.retentionMs);
    }
  }

  private attach(format: StreamFormat, after: number | null): Response {
    const { log } = this;
    if (log === null) return problemResponse(UNKNOWN_STREAM);
    // Clients of the other formats know no rewind: they are shown what stands, from its start.
    const cursor = format === "sluice" ? attach(log, after ?? 0) : 0;
    // `useChat` names no place: nothing is active any more. Others have read all there is.
    const read = attach(log, after ?? 0) >= log.lastId || (format === "ui" && after === null);
    if (hasEnded(log) && read) {
      return new Response(null, { status: 204, headers: { [STREAM_STATE_HEADER]: log.state } });
    }
    if (this.audience.isFull) return problemResponse(TOO_MANY_VIEWERS);
    return this.audience.view(log.record, format, cursor);
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
        const usage = this.generation?.usage ?? this.store.usage(log.record.inputTokens);
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
}
