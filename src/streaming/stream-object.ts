/**
 * A stream's Durable Object: it owns one generation, from before the model is called until its log is deleted, and ends what nobody
 * generates any more. It decides nothing about the log itself (`live-log.ts`), and calls the model a second time only where that was
 * chosen, after a rewind.
 */
import { DurableObject } from "cloudflare:workers";
import { LIMITS } from "../config/limits.ts";
import { messageOf, unreachable } from "../core/result.ts";
import { interrupted, isOpen, watch } from "../core/stream/machine.ts";
import { hasEnded, type StreamLog, type StreamRecord } from "../core/stream/model.ts";
import { estimateInputTokens, promptTexts } from "../models/estimate.ts";
import { problemResponse } from "../platform/problem.ts";
import { admitCall, problemOfRefusal, type AdmittedCall, type Refusal } from "./admit-call.ts";
import { parseFormat } from "./formats/format.ts";
import { Generation, type GenerationResult } from "./generation.ts";
import { lastShownOf, LiveLog, type EndedLog } from "./live-log.ts";
import { settleLostCall } from "./lost-call.ts";
import type { RunOutcome, StreamRequest } from "./port.ts";
import { outcomeOf, outcomeOfRefusal } from "./run-outcome.ts";
import { problemOfFailure } from "./stream-problems.ts";
import { reportEnd, type StreamServices } from "./stream-services.ts";
import { NOTHING_ASKED, StreamStore, type Asked, type StoredStream } from "./stream-store.ts";
import { STREAM_MESSAGE_VERSION, type RunCommand, type StartCommand, type StreamStatus } from "./stub.ts";

const limits = LIMITS.streams;

/** A question to the model, and what is kept of it. */
interface Question {
  readonly id: string;
  readonly request: StreamRequest;
  readonly asked: Asked;
}

export abstract class StreamObjectBase<Env = unknown> extends DurableObject<Env> {
  private readonly store: StreamStore;
  private readonly log: LiveLog;
  private asked: Asked = NOTHING_ASKED;
  private asks = 0;
  private asking: Promise<Refusal | null> | null = null;
  private generation: Generation | null = null;
  /** What the last one heard; null: another instance did, or there was none. */
  private heard: GenerationResult | null = null;
  /** The alarm that this instance has set; null: none, or another instance has. */
  private armedAtMs: number | null = null;

  constructor(state: DurableObjectState, env: Env) {
    super(state, env);
    this.store = new StreamStore(state.storage);
    this.log = new LiveLog(this.store, (log) => this.ended(log));
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
    return this.log.attach(format, after === null ? null : Number(after));
  }

  /** Loads the object and sets its alarm for a start that has not come yet. If none comes, that alarm deletes what there is. */
  async prepare(): Promise<void> {
    if (this.log.current !== null) return;
    // Models and guards are made once per isolate, and this may be its first object.
    this.services();
    this.store.prepare();
    await this.arm(Date.now() + limits.watchdogMs);
  }

  async stop(): Promise<StreamStatus | null> {
    const { generation } = this;
    await this.log.finish({ kind: "stopped", usage: generation?.usage ?? null });
    generation?.stop();
    const { current } = this.log;
    return current === null ? null : { id: current.record.id, state: current.state };
  }

  async run(command: RunCommand): Promise<RunOutcome> {
    if (command.v !== STREAM_MESSAGE_VERSION) throw new Error("a run of another version");
    const refused = await this.join(command);
    if (refused !== null) return outcomeOfRefusal(refused);
    // The generation's own end; a stop or the watchdog may have ended the log before.
    const heard = this.generation === null ? this.heard : await this.generation.result;
    const { ending } = this.log;
    if (ending === null) throw new Error("the stream was taken up by somebody else");
    return outcomeOf(ending, this.store.texts().join(""), heard);
  }

  /** Never throws: the platform would retry a few times and then forget the alarm. */
  override async alarm(): Promise<void> {
    try {
      if (this.log.current !== null) await this.lookAfter(this.log.current);
      // Prepared, and nobody came. A start that is just being admitted finds an empty object.
      else await this.deleteEverything();
    } catch (thrown) {
      this.services().log.error("stream_alarm_failed", { error: messageOf(thrown) });
      await this.arm(Date.now() + limits.watchdogMs);
    }
  }

  private async start(command: StartCommand): Promise<Response> {
    if (command.v !== STREAM_MESSAGE_VERSION) throw new Error("a start of another version");
    const { id, request, onInterruption, countedBy = [], watch: watches } = command;
    if (this.log.current === null) {
      // Without the texts, which are in the prompt: a row must hold it.
      const kept = onInterruption === "reask" ? { ...request, texts: [] } : null;
      const asked = { ...askedBy(request), request: kept, countedBy };
      this.asking ??= this.ask({ id, request, asked });
      let refused: Refusal | null;
      try {
        refused = await this.asking;
      } finally {
        this.asking = null;
      }
      if (refused !== null) return problemResponse(problemOfRefusal(refused, Date.now()));
    }
    if (watches === null) return Response.json({ id });
    const failed = await this.generation?.spoken;
    if (failed !== undefined) return problemResponse(problemOfFailure(failed));
    return this.log.watch(watches.format, watches.links);
  }

  /** The generation of this question: the one that runs or has succeeded, else a new one in its place. */
  private async join(command: RunCommand): Promise<Refusal | null> {
    while (this.asking !== null) await this.asking;
    const { current } = this.log;
    const { id, request, fingerprint } = command;
    const isSame = this.asked.fingerprint === fingerprint;
    const stands =
      current !== null && (!hasEnded(current) || current.state === "done" || current.state === "stopped");
    if (isSame && stands) return null;
    const asking = this.ask({ id, request, asked: { ...askedBy(request), fingerprint } }, current?.lastId);
    this.asking = asking;
    try {
      return await asking;
    } finally {
      this.asking = null;
    }
  }

  /**
   * Owns the call before it is made: record and alarm are durable before the model hears of it, because the platform holds every outgoing
   * request until what was written is confirmed, and drops it if that fails (the output gate,
   * https://developers.cloudflare.com/durable-objects/glossary). The call is put together meanwhile.
   *
   * @param lastShown the last id that anybody can have seen, when there is something to be taken back
   */
  private async ask(question: Question, lastShown?: number): Promise<Refusal | null> {
    const admitted = await admitCall(this.services(), question.request);
    if (!admitted.ok) return admitted.error;
    this.generation?.stop();
    const record = this.recordOf(question, admitted.value);
    const generation = this.take(question, admitted.value);
    if (lastShown === undefined) {
      this.store.begin(record, question.asked);
      this.log.begin(record);
    } else this.log.reopen(record, question.asked, lastShown);
    await this.watchFrom(record.startedAtMs);
    this.generate(generation);
    return null;
  }

  private recordOf({ id, request }: Question, { name, lifeMs }: AdmittedCall): StreamRecord {
    const startedAtMs = Date.now();
    return {
      v: 1,
      id,
      model: name,
      startedAtMs,
      deadlineMs: startedAtMs + lifeMs,
      inputTokens: estimateInputTokens(request.texts),
      asks: this.asks + 1,
    };
  }

  /** From here on its words are the log's; it has not been asked for any yet. */
  private take({ id, request, asked }: Question, call: AdmittedCall): Generation {
    const generation: Generation = new Generation({
      id,
      deps: this.services(),
      call,
      request,
      // One that was replaced may still be talking.
      log: {
        append: (texts) => {
          if (this.generation === generation) this.log.append(texts);
        },
        finish: async (ending) => {
          if (this.generation === generation) await this.log.finish(ending);
        },
      },
    });
    this.asked = asked;
    this.asks += 1;
    this.generation = generation;
    this.heard = null;
    return generation;
  }

  private generate(generation: Generation): void {
    this.ctx.waitUntil(
      generation.run().then(async () => {
        const heard = await generation.result;
        if (this.generation !== generation) return;
        this.generation = null;
        this.heard = heard;
      }),
    );
  }

  /** After the object died: the log as it is stored, and, where it was open, its end or one more try. */
  private async comeBack(stored: StoredStream): Promise<void> {
    // The subclass is still being built.
    await Promise.resolve();
    const { record, asked } = stored;
    this.asked = asked;
    this.asks = record.asks ?? 1;
    const lost = isOpen(stored) ? { record, asked, usage: this.store.usage(record.inputTokens) } : null;
    await this.takeUp(stored);
    if (lost !== null) this.ctx.waitUntil(settleLostCall(this.services(), lost));
  }

  private async takeUp(stored: StoredStream): Promise<void> {
    const { record, asked } = stored;
    const { id, model } = record;
    if (isOpen(stored) && asked.request !== null && this.asks <= limits.maxReasks) {
      const texts = promptTexts(asked.request.options);
      const question = { id, request: { ...asked.request, model, texts }, asked };
      if ((await this.ask(question, lastShownOf(stored))) === null) return;
    }
    await this.log.recover(stored);
  }

  /** Called in the turn that stored the end. */
  private async ended({ record, state, endedAtMs }: EndedLog): Promise<void> {
    this.ctx.waitUntil(reportEnd(this.services(), this.asked.countedBy, record.id, state));
    await this.arm(endedAtMs + limits.retentionMs);
  }

  private async lookAfter(log: StreamLog): Promise<void> {
    const next = watch(log, Date.now(), this.generation !== null, limits);
    switch (next.kind) {
      case "wait":
        await this.arm(next.atMs);
        return;
      case "interrupt": {
        const usage = this.generation?.usage ?? this.store.usage(log.record.inputTokens);
        await this.log.finish(interrupted(usage));
        this.generation?.stop();
        return;
      }
      case "retire":
        this.log.forget();
        await this.deleteEverything();
        return;
      default:
        unreachable(next);
    }
  }

  /** The watchdog. Not set again where it was when the object was prepared: a row for each stream. */
  private async watchFrom(nowMs: number): Promise<void> {
    const latestMs = nowMs + limits.watchdogMs;
    if (this.armedAtMs === null || this.armedAtMs <= nowMs || this.armedAtMs > latestMs)
      await this.arm(latestMs);
  }

  private async arm(atMs: number): Promise<void> {
    this.armedAtMs = atMs;
    await this.ctx.storage.setAlarm(atMs);
  }

  /** In one turn: a start that comes after it finds an empty object. */
  private async deleteEverything(): Promise<void> {
    this.armedAtMs = null;
    const { storage } = this.ctx;
    await Promise.all([storage.deleteAlarm(), storage.deleteAll()]);
  }
}

function askedBy({ caller }: StreamRequest): Asked {
  return caller === undefined ? NOTHING_ASKED : { ...NOTHING_ASKED, caller };
}
