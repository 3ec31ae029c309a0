/** The composition of streams: what their routes need, and what their objects call models with. */
import { waitUntil } from "cloudflare:workers";
import type { GatewayConfig } from "../config/define-gateway.ts";
import { LIMITS } from "../config/limits.ts";
import type { GatewayEnv } from "../env.ts";
import { createGuardClient } from "../guard/client.ts";
import type { GuardClient } from "../guard/port.ts";
import { createModelRegistry, type ModelRegistry } from "../models/registry.ts";
import type { PartitionClient } from "../partition/client.ts";
import { createStreamSource } from "../pipeline/stream-source.ts";
import { systemClock } from "../platform/clock.ts";
import type { StreamedCall } from "../streaming/admit-call.ts";
import type { EventStreamDeps } from "../streaming/event-stream-routes.ts";
import type { StreamDeps } from "../streaming/routes.ts";
import { createStartGate, endStart } from "../streaming/start-gate.ts";
import type { StreamServices } from "../streaming/stream-services.ts";
import { newStreamId, streamStub } from "../streaming/stub.ts";
import { createStreamTokens } from "../streaming/tokens.ts";
import { isPointWriter, writePoints } from "../telemetry/analytics.ts";
import { createFlusher } from "../telemetry/flush.ts";
import { createLogger, isLogLevel, type Logger } from "../telemetry/log.ts";
import { createCollector } from "../telemetry/metrics.ts";
import { createTelemetry } from "../telemetry/queue.ts";
import { observeStreamedCalls } from "./stream-observer.ts";
import { createTraces } from "./traces.ts";

export type Streaming = StreamDeps & EventStreamDeps;

export interface StreamingParts {
  readonly config: GatewayConfig;
  readonly env: GatewayEnv;
  readonly models: ModelRegistry;
  readonly guard: GuardClient;
  readonly partitions: Pick<PartitionClient, "read">;
  /** A secret or variable by name; undefined while it is not set. */
  readonly text: (name: string) => string | undefined;
  readonly fetch: typeof fetch;
  readonly nowMs: () => number;
  readonly log: Logger;
  /** Told of every relayed call that is over. */
  readonly observe: (call: StreamedCall) => void;
}

export function createStreaming(parts: StreamingParts): Streaming {
  const { config, env, models, guard, partitions, text, nowMs, log } = parts;
  const tokens = createStreamTokens({
    // The tokens in force sign when no secret of their own is set: they are never handed out by that.
    values: () => {
      const own = text("SLUICE_STREAM_SECRET");
      return own === undefined ? apiTokensOf(config, text) : [own];
    },
  });
  return {
    models,
    guard,
    nowMs,
    newId: newStreamId,
    log,
    observe: parts.observe,
    stub: (id, jurisdiction) => streamStub(env.STREAM, id, jurisdiction),
    tokens,
    starts: createStartGate({ indexes: env.STREAM_INDEX, limits: config.streamLimits, nowMs }),
    ended: (keys, id, state) => endStart(env.STREAM_INDEX, keys, id, state),
    promptOf: createStreamSource({ pipelines: config.pipelines, models, fetch: parts.fetch, nowMs, log }),
    runOf: async (id) => {
      const view = await partitions.read(id);
      return view === null ? null : { run: view.run, isOpen: view.endedAtMs === null };
    },
  };
}

export function apiTokensOf(config: GatewayConfig, text: StreamingParts["text"]): readonly string[] {
  return config.apiTokens.flatMap((name) => text(name) ?? []);
}

/**
 * What streams' objects call models with. They live apart from the Worker's invocations, each with guards of its own; models are built
 * once per isolate, because building one takes longer than everything else that stands before its first token.
 */
export function createStreamCalls(
  config: GatewayConfig,
): (env: GatewayEnv, jurisdiction: string | undefined) => StreamServices {
  const modelsByEnv = new WeakMap<GatewayEnv, ModelRegistry>();
  const observersByEnv = new WeakMap<GatewayEnv, StreamServices["observe"]>();
  return (env, jurisdiction) => {
    const binding = (name: string): unknown => Reflect.get(env, name);
    const level = binding("LOG_LEVEL");
    const log = createLogger(typeof level === "string" && isLogLevel(level) ? level : "info");
    const nowMs = () => systemClock.nowMs();
    const models =
      modelsByEnv.get(env) ??
      createModelRegistry(config.models, { binding, fetch: (input, init) => fetch(input, init) });
    modelsByEnv.set(env, models);
    // An object in a jurisdiction asks the guards of its own.
    const namespace = isJurisdiction(jurisdiction) ? env.GUARD.jurisdiction(jurisdiction) : env.GUARD;
    const guard = createGuardClient({ namespace, nowMs, random: Math.random, logger: log });
    const observe = observersByEnv.get(env) ?? createObjectObserver(config, env, log);
    observersByEnv.set(env, observe);
    return {
      models,
      guard,
      nowMs,
      log,
      observe,
      ended: (keys, id, state) => endStart(env.STREAM_INDEX, keys, id, state),
    };
  };
}

/** What objects tell of their calls leaves from their own isolate, soon after a call and for all that ended meanwhile. */
function createObjectObserver(
  config: GatewayConfig,
  env: GatewayEnv,
  log: Logger,
): NonNullable<StreamServices["observe"]> {
  const binding = (name: string): unknown => Reflect.get(env, name);
  const nowMs = () => systemClock.nowMs();
  const sleep = (delayMs: number) => systemClock.sleep(delayMs);
  const metrics = createCollector(LIMITS.telemetry);
  const traces = createTraces(config, {
    text: (name) => {
      const value = binding(name);
      return typeof value === "string" && value !== "" ? value : undefined;
    },
    fetch: (input, init) => fetch(input, init),
    nowMs,
    sleep,
    waitUntil,
    metrics,
    log,
  });
  const telemetry = createTelemetry(env.TELEMETRY, log);
  const flusher = createFlusher({
    isEmpty: () => metrics.isEmpty(),
    flush: async () => {
      await traces?.flush();
      const counts = metrics.drain();
      if (counts === null) return;
      const points = binding("METRICS");
      if (isPointWriter(points)) writePoints(points, counts, LIMITS.telemetry.maxAnalyticsPoints);
      await telemetry.counts(counts);
    },
    nowMs,
    sleep,
    waitUntil,
    everyMs: LIMITS.streams.reportAfterMs,
  });
  const observe = observeStreamedCalls(metrics, traces);
  return (call) => {
    observe(call);
    flusher.flushSoon();
  };
}

function isJurisdiction(value: string | undefined): value is "eu" | "us" | "fedramp" {
  return value === "eu" || value === "us" || value === "fedramp";
}
