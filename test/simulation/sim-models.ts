/** The model's provider and the guards, as the pipeline's real callers see them. Every answer differs, so that two are told apart. */
import type { LanguageModelV4 } from "@ai-sdk/provider";
import { failure } from "../../src/core/failure.ts";
import { err, ok } from "../../src/core/result.ts";
import type { GuardClient } from "../../src/guard/port.ts";
import type { ModelCallResult, ModelRequest } from "../../src/models/call.ts";
import type { CallContext, ConfiguredModel } from "../../src/models/port.ts";
import type { Context } from "./context.ts";
import { Outage } from "./faults.ts";
import { never, runningProcess, type SimProcess } from "./process.ts";

export interface ModelWatcher {
  asked(eventId: string, process: SimProcess, stageVersion: string): void;
}

const MODEL_MS = 900;
const GUARD_MS = 12;
const EVENT_ID = /evt_[0-9a-z_]+/;
const VERSION = /\(version (.+?)\)/;

/** The simulation answers where the SDK would be asked. */
const UNUSED_MODEL: LanguageModelV4 = {
  specificationVersion: "v4",
  provider: "simulated",
  modelId: "simulated-1",
  supportedUrls: {},
  doGenerate: () => Promise.reject(new Error("not in the simulation")),
  doStream: () => Promise.reject(new Error("not in the simulation")),
};

export class SimModels {
  readonly down: Outage;
  private readonly context: Context;
  private readonly watcher: ModelWatcher;

  constructor(context: Context, watcher: ModelWatcher) {
    this.context = context;
    this.watcher = watcher;
    this.down = new Outage(context.faults, "model_down", () => context.clock.nowMs);
  }

  readonly configured: ConfiguredModel = {
    name: "fast",
    definition: {
      provider: "simulated",
      modelId: "simulated-1",
      limits: { requestsPerMinute: 600 },
      timeouts: { connectMs: 10_000, firstTokenMs: 20_000, idleMs: 15_000, totalMs: 60_000 },
      structuredOutput: true,
      create: () => UNUSED_MODEL,
    },
    model: UNUSED_MODEL,
    secrets: [],
  };

  async call(request: ModelRequest, { signal }: CallContext): Promise<ModelCallResult> {
    const { clock, chance, faults } = this.context;
    const process = runningProcess();
    if (process === null || !process.alive) return never();
    this.watcher.asked(
      EVENT_ID.exec(request.data)?.[0] ?? "",
      process,
      VERSION.exec(request.instruction)?.[1] ?? "",
    );
    const slowMs = faults.strikes("model_slow", 0.12)
      ? faults.stream("model_slow").integer(10_000, 110_000)
      : 0;
    const latencyMs = chance.latencyMs(MODEL_MS) + slowMs;
    return new Promise((resolve) => {
      if (signal.aborted) resolve(failed("cancelled", 0));
      signal.addEventListener("abort", () => resolve(failed("cancelled", latencyMs)));
      clock.schedule(latencyMs, `${process.name} model`, () => resolve(this.answer(latencyMs)), process);
    });
  }

  private answer(latencyMs: number): ModelCallResult {
    const { faults } = this.context;
    if (this.down.hits()) return failed("http_503", latencyMs);
    if (faults.strikes("model_failed", 0.06)) return failed("http_500", latencyMs);
    const degraded = faults.strikes("model_degraded", 0.06);
    return ok({
      text: degraded ? "I cannot say." : JSON.stringify({ label: "ok", nonce: this.context.newId("n") }),
      finishReason: "stop",
      usage: { inputTokens: 10, outputTokens: 5, estimated: false },
      modelId: "simulated-1",
      latencyMs,
    });
  }

  guard(process: SimProcess): GuardClient {
    const { clock, chance, faults } = this.context;
    return {
      admit: async () => {
        if (!process.alive) return never();
        await clock.wait(chance.latencyMs(GUARD_MS), `${process.name} guard`, process);
        if (!faults.strikes("guard_denied", 0.08)) return { kind: "granted", permit: this.permit() };
        const waitMs = faults.stream("guard_denied").pick([100, 1_500, 20_000, 90_000]);
        return { kind: "denied", reason: "requests", retryAtMs: process.nowMs() + waitMs };
      },
      flush: () => Promise.resolve(),
    };
  }

  private permit() {
    let settled = 0;
    return {
      settle: () => {
        settled++;
        this.context.check(settled === 1, "a permit is settled once", () => `settled ${settled} times`);
      },
    };
  }
}

function failed(code: string, latencyMs: number): ModelCallResult {
  return err({ failure: failure("infer", "transient", code, "simulated"), latencyMs });
}
