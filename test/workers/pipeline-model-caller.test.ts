import type { LanguageModelV4 } from "@ai-sdk/provider";
import { describe, expect, it } from "vitest";
import { failure } from "../../src/core/failure.ts";
import { err, ok } from "../../src/core/result.ts";
import type { Admission } from "../../src/guard/port.ts";
import { callModel, type ModelCallResult } from "../../src/models/call.ts";
import type { ConfiguredModel, ModelDefinition } from "../../src/models/port.ts";
import { runBounded } from "../../src/pipeline/bounded.ts";
import { createModelCaller, type ModelCallerDeps } from "../../src/pipeline/model-caller.ts";
import type { CallModel, ModelCallRequest } from "../../src/pipeline/ports.ts";
import {
  completion,
  data,
  delta,
  eventStream,
  fakeModel,
  fakeUpstream,
  pieces,
} from "./models-fake-upstream.ts";
import { NOW_MS, recordingLogger, scriptedGuard } from "./pipeline-fixtures.ts";

const definition: ModelDefinition = {
  provider: "test",
  modelId: "test-model",
  variables: [],
  limits: { requestsPerMinute: 60, tokensPerMinute: 10_000 },
  timeouts: { connectMs: 1, firstTokenMs: 1, idleMs: 1, totalMs: 1 },
  price: { inputPerMillion: 2, outputPerMillion: 10 },
  structuredOutput: true,
  create: () => {
    throw new Error("not called: the call itself is scripted");
  },
};
// The call is scripted, so the provider's object is never touched.
const model: ConfiguredModel = { name: "fast", definition, model: {} as LanguageModelV4, secrets: [] };

const request = (change: Partial<ModelCallRequest> = {}): ModelCallRequest => ({
  model: "fast",
  instruction: "Sort.",
  input: "x".repeat(400),
  jsonSchema: { type: "object" },
  priority: "low",
  signal: new AbortController().signal,
  ...change,
});

const answered: ModelCallResult = ok({
  text: "{}",
  finishReason: "stop",
  usage: { inputTokens: 100, outputTokens: 20, estimated: false },
  modelId: "test-model-1",
  latencyMs: 12,
  hint: { limited: false, remainingRequests: 3 },
});

function caller(
  call: CallModel,
  deps: Partial<ModelCallerDeps> = {},
  script: Parameters<typeof scriptedGuard>[0] = [],
) {
  const guard = scriptedGuard(script);
  const known = (name: string) =>
    name === "fast" ? ok(model) : err(failure("infer", "permanent", "model_unknown", name));
  const models = createModelCaller({
    models: { get: known },
    call,
    guard,
    nowMs: () => NOW_MS,
    sleep: async () => {},
    logger: recordingLogger([]),
    ...deps,
  });
  return { models, guard };
}

const denied = (afterMs: number): Extract<Admission, { kind: "denied" }> => ({
  kind: "denied",
  reason: "concurrency",
  retryAtMs: NOW_MS + afterMs,
});

/** Ends when its signal does, as the real one. */
const untilAborted: CallModel = (_model, _request, { signal }) =>
  new Promise((resolve) => {
    const reason = failure("infer", "transient", "cancelled", "the call was cancelled by its caller");
    signal.addEventListener("abort", () => resolve(err({ failure: reason, latencyMs: 5 })));
  });

describe("a model call", () => {
  it("is admitted with an estimate, made, priced and settled with what was used and learnt", async () => {
    const seen: unknown[] = [];
    const { models, guard } = caller(async (_model, asked) => {
      seen.push(asked);
      return answered;
    });
    expect(await models.call(request({ temperature: 0, maxOutputTokens: 50 }))).toEqual({
      kind: "answer",
      text: "{}",
      finishReason: "stop",
      usage: { inputTokens: 100, outputTokens: 20, estimated: false },
      modelId: "test-model-1",
      durationMs: 12,
      costMicros: 400,
    });
    expect(guard.asked).toHaveLength(1);
    expect(guard.asked[0]).toMatchObject({ guard: "model:fast", limits: definition.limits, priority: "low" });
    expect(guard.asked[0]?.estimatedTokens).toBeGreaterThanOrEqual(150);
    expect(seen).toEqual([
      {
        instruction: "Sort.",
        data: "x".repeat(400),
        jsonSchema: { type: "object" },
        temperature: 0,
        maxOutputTokens: 50,
      },
    ]);
    expect(guard.settled).toEqual([
      { outcome: "success", latencyMs: 12, usedTokens: 120, hint: { limited: false, remainingRequests: 3 } },
    ]);
  });

  it("of an unknown model is refused before any guard is asked", async () => {
    const { models, guard } = caller(async () => answered);
    expect(await models.call(request({ model: "gone" }))).toMatchObject({
      kind: "failed",
      failure: { code: "model_unknown" },
    });
    expect(guard.asked).toEqual([]);
    expect(models.modelIdOf("fast")).toBe("test-model");
    expect(models.modelIdOf("gone")).toBeNull();
  });

  it("waits in place for a turn that is near and is denied one that is far", async () => {
    const waits: number[] = [];
    const sleep = async (delayMs: number) => void waits.push(delayMs);
    const near = caller(async () => answered, { sleep }, [denied(1_999)]);
    expect((await near.models.call(request())).kind).toBe("answer");
    expect(waits).toEqual([1_999]);
    // Whoever names its turn goes before newcomers.
    expect(near.guard.asked.map(({ turnAtMs }) => turnAtMs)).toEqual([undefined, NOW_MS + 1_999]);
    const far = caller(async () => answered, { sleep }, [denied(2_001)]);
    expect(await far.models.call(request())).toEqual({
      kind: "denied",
      untilMs: NOW_MS + 2_001,
      reason: "concurrency",
    });
    expect(far.guard.settled).toEqual([]);
  });
});

describe("every call that was made", () => {
  it("is told with its tokens and cost, the failed ones too; one that was not made is not", async () => {
    const seen: unknown[] = [];
    const observe = (call: unknown) => void seen.push(call);
    const usage = { inputTokens: 40, outputTokens: 2, estimated: true };
    const cut = err({ failure: failure("infer", "transient", "cut", "cut"), latencyMs: 9, usage });
    await caller(async () => answered, { observe }).models.call(request());
    await caller(async () => cut, { observe }).models.call(request());
    await caller(async () => answered, { observe }).models.call(request({ model: "gone" }));
    await caller(async () => answered, { observe }, [denied(60_000)]).models.call(request());
    expect(seen).toMatchObject([
      { model: "fast", modelId: "test-model-1", code: "ok", costMicros: 400, latencyMs: 12 },
      { model: "fast", modelId: "test-model", code: "cut", costMicros: 100, usage },
    ]);
  });

  it("that never left costs nothing, and says so", async () => {
    const { models } = caller(async () => answered);
    expect(await models.call(request({ model: "gone" }))).toMatchObject({
      usage: { inputTokens: 0, outputTokens: 0, estimated: false },
      costMicros: 0,
    });
  });
});

describe("a permit is settled exactly once", () => {
  const failedWith = (result: ModelCallResult): CallModel => {
    return async () => result;
  };
  const paths: readonly (readonly [string, CallModel, string])[] = [
    [
      "when the provider fails",
      failedWith(err({ failure: failure("infer", "transient", "http_503", "503"), latencyMs: 5 })),
      "transient",
    ],
    [
      "when the provider refuses",
      failedWith(err({ failure: failure("infer", "permanent", "http_401", "401"), latencyMs: 5 })),
      "permanent",
    ],
    [
      "when the answer is useless",
      failedWith(err({ failure: failure("infer", "degraded", "truncated", "cut"), latencyMs: 5 })),
      "success",
    ],
    [
      "when the adapter throws",
      () => {
        throw new Error("a bug");
      },
      "transient",
    ],
    ["when the adapter rejects", () => Promise.reject(new Error("a bug")), "transient"],
  ];
  it.each(paths)("%s", async (_, call, outcome) => {
    const { models, guard } = caller(call);
    expect((await models.call(request())).kind).toBe("failed");
    expect(guard.granted).toBe(1);
    expect(guard.settled.map((report) => report.outcome)).toEqual([outcome]);
  });

  it("when the lease is lost in the middle: as cancelled, which says nothing about the model", async () => {
    const lease = new AbortController();
    const called = Promise.withResolvers<void>();
    const { models, guard } = caller((...args) => {
      called.resolve();
      return untilAborted(...args);
    });
    const call = models.call(request({ signal: lease.signal }));
    await called.promise;
    lease.abort();
    expect(await call).toMatchObject({ kind: "failed" });
    expect(guard.settled.map((report) => report.outcome)).toEqual(["cancelled"]);
  });

  it("when the stage's time is up: as the model's failure", async () => {
    const { models, guard } = caller(untilAborted);
    const ended = Promise.withResolvers<void>();
    const outcome = await runBounded(new AbortController().signal, 1, async (signal) => {
      await models.call(request({ signal }));
      ended.resolve();
    });
    expect(outcome.kind).toBe("timeout");
    await ended.promise;
    expect(guard.settled.map((report) => report.outcome)).toEqual(["transient"]);
  });

  it("when it is granted after the lease was lost: unused, and the model is not called", async () => {
    const lease = new AbortController();
    const settled: string[] = [];
    const called: unknown[] = [];
    const { models } = caller(
      async (...args) => {
        called.push(args);
        return answered;
      },
      {
        guard: {
          admit: async () => {
            lease.abort();
            return { kind: "granted", permit: { settle: (report) => void settled.push(report.outcome) } };
          },
          flush: async () => {},
        },
      },
    );
    expect(await models.call(request({ signal: lease.signal }))).toMatchObject({ kind: "failed" });
    expect(settled).toEqual(["cancelled"]);
    expect(called).toEqual([]);
  });

  it("when a real provider's call is cut off", async () => {
    const lease = new AbortController();
    const upstream = fakeUpstream(({ signal }) => {
      const started = data(delta("The parcel"));
      return eventStream(pieces(started, { signal, ending: "hang" }).body);
    });
    const { registry } = fakeModel(upstream);
    const { models, guard } = caller(callModel, { models: registry });
    const call = models.call(request({ signal: lease.signal }));
    await upstream.called;
    lease.abort();
    expect(await call).toMatchObject({ kind: "failed", failure: { class: "transient" } });
    await upstream.aborted;
    expect(guard.settled.map((report) => report.outcome)).toEqual(["cancelled"]);
  });

  it("when a real provider answers", async () => {
    const upstream = fakeUpstream(() => eventStream(pieces(completion(["{}"])).body));
    const { models, guard } = caller(callModel, { models: fakeModel(upstream).registry });
    expect(await models.call(request())).toMatchObject({ kind: "answer", text: "{}", finishReason: "stop" });
    expect(guard.settled.map((report) => report.outcome)).toEqual(["success"]);
  });

  it("and none is taken when the lease is lost while waiting in place", async () => {
    const lease = new AbortController();
    const sleep = async () => lease.abort();
    const { models, guard } = caller(async () => answered, { sleep }, [denied(100)]);
    expect(await models.call(request({ signal: lease.signal }))).toMatchObject({ kind: "failed" });
    expect(guard.asked).toHaveLength(1);
    expect(guard.granted).toBe(0);
  });
});
