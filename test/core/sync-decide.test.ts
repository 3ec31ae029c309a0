/** A decision from the request to the answer, on virtual time: the real pipeline and machine, every part around them slow, gone or hanging. */
import { setImmediate as untilQuiet } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import * as z from "zod";
import { NO_RESULT_CACHE } from "../../src/cache/results.ts";
import { definePipeline } from "../../src/config/define-pipeline.ts";
import type { SyncRoute } from "../../src/config/define-source.ts";
import { LIMITS } from "../../src/config/limits.ts";
import type { EventEnvelope } from "../../src/core/envelope.ts";
import { failure } from "../../src/core/failure.ts";
import { err } from "../../src/core/result.ts";
import { unlimitedGuard } from "../../src/guard/unlimited.ts";
import type { DecisionClient } from "../../src/partition/client.ts";
import type { ModelCaller, ModelCallOutcome } from "../../src/pipeline/ports.ts";
import { createProcessor } from "../../src/pipeline/runner.ts";
import { createDecider } from "../../src/sync/decide.ts";
import type { Decided } from "../../src/sync/port.ts";
import type { Logger } from "../../src/telemetry/log.ts";
import { envelopeOf } from "../support/envelopes.ts";
import { MemoryPartition } from "../support/memory-partition.ts";
import { VirtualTime } from "../support/virtual-time.ts";

const START_MS = 1_700_000_000_000;
const DEADLINE_MS = 800;
const ROUTE: SyncRoute = { mode: "sync", deadlineMs: DEADLINE_MS, default: { verdict: "hold" } };

const pipeline = definePipeline({
  name: "judge",
  input: z.object({ key: z.string() }),
  infer: {
    model: "fast",
    promptVersion: "1",
    output: z.object({ verdict: z.string() }),
    prompt: ({ key }) => ({ instruction: "Judge.", data: { key } }),
    cacheTtlSeconds: 60,
  },
  format: ({ output }) => ({ body: { verdict: output.verdict } }),
  deliver: ["out"],
});

interface Scene {
  readonly model?: (attempt: number) => Promise<ModelCallOutcome>;
  readonly cache?: "hangs";
  /** One way to the partition; NaN: the call fails at once. */
  readonly rpcMs?: (method: "ask" | "settle", call: number) => number;
  readonly quarantine?: EventEnvelope["quarantine"];
}

function says(verdict: string): ModelCallOutcome {
  return {
    kind: "answer",
    text: JSON.stringify({ verdict }),
    finishReason: "stop",
    usage: { inputTokens: 1, outputTokens: 1, estimated: false },
    modelId: "fast-1",
    durationMs: 1,
    costMicros: 1,
  };
}

const QUIET: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  with: () => QUIET,
};

const never = () => new Promise<never>(() => undefined);

/** The pipeline hashes and parses in real time, which virtual time must wait for. */
class RealWork {
  private busy = 0;

  async doing<Value>(work: Promise<Value>): Promise<Value> {
    this.busy++;
    return work.finally(() => this.busy--);
  }

  async waiting<Value>(work: Promise<Value>): Promise<Value> {
    this.busy--;
    return work.finally(() => this.busy++);
  }

  async isDone(): Promise<void> {
    do await untilQuiet();
    while (this.busy > 0);
  }
}

const STEP_MS = 5;

async function stage(scene: Scene) {
  const time = new VirtualTime(START_MS);
  const base = await envelopeOf({ key: "asked", pipeline: "judge", receivedAtMs: START_MS });
  const envelope = scene.quarantine === undefined ? base : { ...base, quarantine: scene.quarantine };
  const partition = new MemoryPartition(envelope.partition, START_MS);
  const work = new RealWork();
  const passUntil = async (endMs: number) => {
    for (let atMs = time.nowMs; atMs <= endMs; atMs += STEP_MS) {
      await work.isDone();
      await time.runUntil(atMs);
    }
  };
  const calls = { ask: 0, settle: 0, model: 0, finished: 0 };
  const reach = async <Reply>(method: "ask" | "settle", use: () => Reply): Promise<Reply> => {
    calls[method]++;
    const wayMs = scene.rpcMs?.(method, calls[method]) ?? 5;
    if (Number.isNaN(wayMs)) throw new Error("refused at once");
    await time.sleep(wayMs);
    if (wayMs === Number.POSITIVE_INFINITY) throw new Error("unreachable");
    partition.nowMs = time.nowMs;
    const reply = use();
    await time.sleep(wayMs);
    return reply;
  };
  const partitions: DecisionClient = {
    ask: async (request) => {
      const reply = await reach("ask", () => partition.ask(request));
      if (reply.status !== "pending") return reply;
      const untilMs = time.nowMs + request.waitMs;
      while (time.nowMs < untilMs) {
        await time.sleep(10);
        const { answer } =
          partition.decisions.get(envelope.id) ?? partition.record(envelope.id).decision ?? {};
        if (answer != null) return partition.ask(request);
      }
      return reply;
    },
    settle: (request) => reach("settle", () => partition.settle(request)),
  };
  const models: ModelCaller = {
    modelIdOf: () => "fast-1",
    call: () => work.waiting(scene.model?.(++calls.model) ?? Promise.resolve(says("approve"))),
  };
  const processor = createProcessor({
    pipelines: new Map([[pipeline.name, pipeline]]),
    models,
    cache: scene.cache === undefined ? NO_RESULT_CACHE : { share: () => work.waiting(never()) },
    destinations: (name) => err(failure("deliver", "permanent", "none", name)),
    guard: unlimitedGuard(),
    loadBody: async () => err(failure("parse", "permanent", "none", "inline")),
    fetch: never,
    nowMs: () => time.nowMs,
    logger: QUIET,
  });
  const background: Promise<unknown>[] = [];
  let ids = 0;
  const decide = createDecider({
    partitions,
    start: () => ({
      processor: { prepare: (event, signal) => work.doing(processor.prepare(event, signal)) },
      finish: async () => void calls.finished++,
    }),
    clock: { nowMs: () => time.nowMs, sleep: (delayMs) => time.sleep(delayMs) },
    newId: () => `id-${ids++}`,
    waitUntil: (work) => void background.push(work),
    log: QUIET,
    limits: { ...LIMITS.sync, lateMs: 5_000 },
  });
  const request = async (storing: Promise<EventEnvelope> = Promise.resolve(envelope)) => {
    const sentAtMs = time.nowMs;
    const answers: { readonly decided: Decided; readonly tookMs: number }[] = [];
    void decide(storing, ROUTE, sentAtMs).then((decided) => {
      answers.push({ decided, tookMs: time.nowMs - sentAtMs });
    });
    return {
      answer: async () => {
        await passUntil(sentAtMs + DEADLINE_MS);
        const [answered] = answers;
        if (answered === undefined) throw new Error("no answer by the deadline");
        return answered;
      },
    };
  };
  const settleAll = async () => {
    await passUntil(time.nowMs + 6_000);
    await Promise.all(background);
  };
  return { time, partition, envelope, calls, background, request, passUntil, settleAll };
}

const DENIED: ModelCallOutcome = { kind: "denied", reason: "requests", untilMs: START_MS + 60_000 };
const HELD = { kind: "decided", decision: { by: "default", answer: { verdict: "hold" } } };

describe("a sender that waits", () => {
  it("is told what the model says, as soon as that is durable", async () => {
    const scene = await stage({});
    const { decided, tookMs } = await (await scene.request()).answer();
    expect(decided).toMatchObject({
      isDuplicate: false,
      decision: { by: "model", answer: { verdict: "approve" } },
    });
    expect(tookMs).toBe(20);
    expect(scene.partition.record(scene.envelope.id).output?.body).toEqual({ verdict: "approve" });
    await scene.settleAll();
    expect(scene.calls).toMatchObject({ ask: 1, settle: 1, finished: 1 });
  });

  it.each<[string, Scene, string]>([
    ["the model, or the guard before it, hangs", { model: never }, "deadline"],
    ["KV hangs", { cache: "hangs" }, "deadline"],
    ["the guard denies until later", { model: async () => DENIED }, "deferred: model fast: requests"],
    [
      "the model fails for good",
      { model: async () => failed("permanent", "content_policy") },
      "content_policy",
    ],
    ["the model fails again and again", { model: async () => failed("transient", "http_503") }, "http_503"],
    [
      "its payload is in quarantine",
      { quarantine: { code: "schema", message: "wrong" } },
      "quarantined: schema",
    ],
  ])("is told the default within the deadline when %s", async (_, parts, reason) => {
    const scene = await stage(parts);
    const { decided } = await (await scene.request()).answer();
    expect(decided).toMatchObject({ ...HELD, decision: { ...HELD.decision, reason } });
    await scene.settleAll();
    expect(scene.calls.finished).toBe(1);
    // Worked on afterwards, for a person to see.
    expect(scene.partition.record(scene.envelope.id)).toMatchObject({
      state: "pending",
      decision: { review: "due" },
    });
  });

  it("is told what a second attempt says where the first failed for a moment", async () => {
    const scene = await stage({
      model: async (attempt) => (attempt === 1 ? failed("transient", "http_503") : says("approve")),
    });
    const { decided } = await (await scene.request()).answer();
    expect(decided).toMatchObject({ decision: { by: "model" } });
  });

  it.each<[string, NonNullable<Scene["rpcMs"]>, Decided]>([
    ["cannot be reached", () => Number.POSITIVE_INFINITY, { kind: "undecided", reason: "too_slow" }],
    ["takes too long for the question", () => 500, { kind: "undecided", reason: "too_slow" }],
    [
      "takes too long for the answer",
      (method) => (method === "ask" ? 5 : 500),
      { kind: "undecided", reason: "too_slow" },
    ],
  ])(
    "is told to come again, in time, when the partition %s; no answer is given that is not durable",
    async (_, rpcMs, told) => {
      const scene = await stage({ rpcMs });
      const { decided, tookMs } = await (await scene.request()).answer();
      expect(decided).toEqual(told);
      expect(tookMs).toBe(DEADLINE_MS);
    },
  );

  it("finds, when it comes again, the answer that was on its way", async () => {
    const scene = await stage({ rpcMs: (method, call) => (method === "settle" && call === 1 ? 500 : 5) });
    expect((await (await scene.request()).answer()).decided.kind).toBe("undecided");
    const again = await (await scene.request()).answer();
    expect(again.decided).toMatchObject({ isDuplicate: true, decision: { by: "model" } });
  });

  it("keeps its answer when the model comes late, whose own is stored beside it", async () => {
    let speak: (said: ModelCallOutcome) => void = () => undefined;
    const scene = await stage({
      model: () =>
        new Promise((resolve) => {
          speak = resolve;
        }),
    });
    const { decided } = await (await scene.request()).answer();
    expect(decided).toMatchObject(HELD);
    speak(says("reject"));
    await scene.settleAll();
    expect(scene.partition.record(scene.envelope.id)).toMatchObject({
      output: { body: { verdict: "reject" } },
      decision: { answer: { verdict: "hold" }, late: { answer: { verdict: "reject" } } },
    });
    const again = await (await scene.request()).answer();
    expect(again.decided).toMatchObject({ isDuplicate: true, ...HELD });
    expect(scene.calls.model).toBe(1);
  });

  it("hears, as a duplicate, the first one's answer", async () => {
    const scene = await stage({
      model: async () => {
        await scene.time.sleep(300);
        return says("approve");
      },
    });
    const first = await scene.request();
    await scene.passUntil(START_MS + 50);
    const second = await scene.request();
    const [one, two] = [await first.answer(), await second.answer()];
    expect(one.decided).toMatchObject({ isDuplicate: false, decision: { by: "model" } });
    expect(two.decided).toMatchObject({ isDuplicate: true, decision: { by: "model" } });
    expect(scene.calls.model).toBe(1);
  });

  it("that repeats itself at once takes no time away from the first: both wait as long as the model may take", async () => {
    const scene = await stage({
      model: async () => {
        await scene.time.sleep(700);
        return says("approve");
      },
    });
    const requests = [await scene.request(), await scene.request(), await scene.request()];
    for (const request of requests) {
      expect((await request.answer()).decided).toMatchObject({ decision: { by: "model" } });
    }
    expect(scene.calls.model).toBe(1);
  });

  it.each([
    ["near", 5],
    ["far", 90],
  ])(
    "whose first request died is told the default within its own deadline, its partition being %s",
    async (_, rpcMs) => {
      const scene = await stage({ rpcMs: () => rpcMs });
      scene.partition.ask({
        v: 1,
        request: "of an invocation that died",
        envelope: scene.envelope,
        default: ROUTE.default,
        remainingMs: DEADLINE_MS,
        waitMs: 0,
      });
      const { decided } = await (await scene.request()).answer();
      expect(decided).toMatchObject({ isDuplicate: true, ...HELD });
      expect(scene.calls.model).toBe(0);
      // Whatever it says now, there is one answer.
      await scene.settleAll();
      const again = await (await scene.request()).answer();
      expect(again.decided).toMatchObject({ isDuplicate: true, ...HELD });
    },
  );

  it.each([-10, -5, 0, 5])(
    "is told what is stored, %d ms beside the moment when the model and the deadline meet",
    async (besideMs) => {
      // Asked in 10 ms, so the default leaves 40 ms before the deadline.
      const meetMs = DEADLINE_MS - LIMITS.sync.minMarginMs - 10;
      const scene = await stage({
        model: async () => {
          await scene.time.sleep(meetMs + besideMs);
          return says("approve");
        },
      });
      const { decided } = await (await scene.request()).answer();
      await scene.settleAll();
      const { decision } = scene.partition.record(scene.envelope.id);
      if (decided.kind !== "decided") throw new Error(decided.kind);
      expect(decided.decision.answer).toEqual(decision?.answer);
      const again = await (await scene.request()).answer();
      expect(again.decided).toMatchObject({ isDuplicate: true, decision: { answer: decision?.answer } });
    },
  );

  it("that hangs up is worked for all the same: all of it is the platform's to keep alive from the start", async () => {
    const scene = await stage({});
    await scene.request();
    expect(scene.background).toHaveLength(1);
    await scene.settleAll();
    const again = await (await scene.request()).answer();
    expect(again.decided).toMatchObject({ isDuplicate: true, decision: { by: "model" } });
  });

  it("whose body took all the time is asked for nothing, and finds its next try as good as new", async () => {
    const scene = await stage({});
    const stored = Promise.withResolvers<EventEnvelope>();
    const slow = await scene.request(stored.promise);
    expect((await slow.answer()).decided).toEqual({ kind: "undecided", reason: "too_slow" });
    stored.resolve(scene.envelope);
    await scene.settleAll();
    expect(scene.calls).toMatchObject({ ask: 0, model: 0 });
    const again = await (await scene.request()).answer();
    expect(again.decided).toMatchObject({ isDuplicate: false, decision: { by: "model" } });
  });

  it("is told to come again when its answer cannot be committed, and is then told the one that stands", async () => {
    const scene = await stage({
      rpcMs: (method, call) => (method === "settle" && call === 1 ? Number.NaN : 5),
    });
    const lost = await (await scene.request()).answer();
    expect(lost.decided).toEqual({ kind: "undecided", reason: "failed" });
    const again = await (await scene.request()).answer();
    expect(again.decided).toMatchObject({ isDuplicate: true, ...HELD });
  });

  it("keeps more of its deadline for the commit the farther away its partition is", async () => {
    const scene = await stage({ model: never, rpcMs: () => 90 });
    const { decided, tookMs } = await (await scene.request()).answer();
    expect(decided).toMatchObject(HELD);
    // Asked in 180 ms: the default leaves for its commit 360 ms before the deadline.
    expect(tookMs).toBe(DEADLINE_MS - 360 + 180);
  });
});

function failed(failureClass: "transient" | "permanent", code: string): ModelCallOutcome {
  const reason = failure("infer", failureClass, code, "of the test");
  return { kind: "failed", failure: reason, durationMs: 0, costMicros: null };
}
