/** The composition of streams: what their routes need, and what their objects call models with. */
import { waitUntil } from "cloudflare:workers";
import type { GatewayConfig } from "../config/gateway-options.ts";
import { LIMITS } from "../config/limits.ts";
import type { Jurisdiction } from "../core/ids.ts";
import type { GatewayEnv } from "../env.ts";
import { createBudgetBook } from "../guard/budget-book.ts";
import { createBudgetKeeper, type BudgetKeeper } from "../guard/budgets.ts";
import { callGuard } from "../guard/call.ts";
import { createGuardClient, type GuardClientOptions } from "../guard/client.ts";
import { createKeptSettlements } from "../guard/kept-settlements.ts";
import { createPermitPool } from "../guard/permit-pool.ts";
import type { GuardClient } from "../guard/port.ts";
import { createModelRegistry, type ModelRegistry } from "../models/registry.ts";
import type { PartitionClient } from "../partition/client.ts";
import { createStreamSource } from "../pipeline/stream-source.ts";
import { systemClock } from "../platform/clock.ts";
import { bindingSuffix, telemetryQueueOf } from "../platform/jurisdictions.ts";
import type { StreamedCall } from "../streaming/admit-call.ts";
import type { EventStreamDeps } from "../streaming/event-stream-routes.ts";
import type { StreamDeps } from "../streaming/routes.ts";
import { createSpareStreams } from "../streaming/spare-streams.ts";
import { createStartGate, endStart } from "../streaming/start-gate.ts";
import type { StreamServices } from "../streaming/stream-services.ts";
import { newStreamId, streamStub } from "../streaming/stub.ts";
import { createStreamTokens } from "../streaming/tokens.ts";
import { createLogger, isLogLevel, type Logger } from "../telemetry/log.ts";
import { createTelemetry } from "../telemetry/queue.ts";
import { createMeter } from "./meter.ts";
import { observeStreamedCalls } from "./stream-observer.ts";
import { createTraces } from "./traces.ts";

export type Streaming = StreamDeps & EventStreamDeps;

export interface StreamingParts {
  readonly config: GatewayConfig;
  readonly env: GatewayEnv;
  readonly models: ModelRegistry;
  readonly guard: GuardClient;
  /** undefined: nothing is budgeted. */
  readonly budgets: BudgetKeeper | undefined;
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
  const { config, env, models, guard, budgets, partitions, text, nowMs, log } = parts;
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
    ...(budgets === undefined ? {} : { budgets }),
    nowMs,
    newId: newStreamId,
    log,
    observe: parts.observe,
    stub: (id, jurisdiction) => streamStub(env.STREAM, id, jurisdiction),
    tokens,
    spares: createSpareStreams({
      newId: newStreamId,
      prepare: (id) => streamStub(env.STREAM, id).prepare(),
      tokens,
      nowMs,
      sleep: (delayMs) => systemClock.sleep(delayMs),
      log,
    }),
    starts: createStartGate({ indexes: env.STREAM_INDEX, limits: config.streamLimits, nowMs }),
    ended: (keys, id, state) => endStart(env.STREAM_INDEX, keys, id, state),
    promptOf: createStreamSource({ pipelines: config.pipelines, models, fetch: parts.fetch, nowMs, log }),
    originOf: originOf(config, text),
    runOf: async (id) => {
      const view = await partitions.read(id);
      return view === null ? null : { run: view.run, isOpen: view.endedAtMs === null };
    },
  };
}

/** The configured one, else that of the request. */
function originOf(
  { publicOrigin }: GatewayConfig,
  text: StreamingParts["text"],
): (request: Request) => string {
  const configured = typeof publicOrigin === "object" ? text(publicOrigin?.variable ?? "") : publicOrigin;
  return (request) => configured ?? new URL(request.url).origin;
}

export function apiTokensOf(config: GatewayConfig, text: StreamingParts["text"]): readonly string[] {
  return config.apiTokens.flatMap((name) => text(name) ?? []);
}

/**
 * What streams' objects call models with. They live apart from the Worker's invocations, but honour what those do: models, permits granted
 * ahead, shards and budgets are the isolate's, because building them takes longer than everything else that stands before a first token.
 */
export function createStreamCalls(
  config: GatewayConfig,
): (env: GatewayEnv, jurisdiction: string | undefined) => StreamServices {
  const isolates = new WeakMap<GatewayEnv, Isolate>();
  const nowMs = () => systemClock.nowMs();
  return (env, jurisdiction) => {
    const binding = (name: string): unknown => Reflect.get(env, name);
    const level = binding("LOG_LEVEL");
    const log = createLogger(typeof level === "string" && isLogLevel(level) ? level : "info");
    const isolate = isolates.get(env) ?? {
      models: createModelRegistry(config.models, { binding, fetch: (input, init) => fetch(input, init) }),
      homes: new Map<Jurisdiction, Home>(),
    };
    isolates.set(env, isolate);
    // An object in a jurisdiction asks the guards of its own.
    const namespace = isJurisdiction(jurisdiction) ? env.GUARD.jurisdiction(jurisdiction) : env.GUARD;
    const at = isJurisdiction(jurisdiction) ? jurisdiction : "none";
    const home = isolate.homes.get(at) ?? {
      guards: guardsOf(config, namespace, nowMs, log),
      observe: createObjectObserver(config, env, at, log),
    };
    isolate.homes.set(at, home);
    const { budgets, ...shared } = home.guards;
    const guard = createGuardClient({ namespace, nowMs, random: Math.random, logger: log, ...shared });
    return {
      models: isolate.models,
      guard,
      ...(budgets === undefined ? {} : { budgets }),
      nowMs,
      log,
      observe: home.observe,
      ended: (keys, id, state) => endStart(env.STREAM_INDEX, keys, id, state),
    };
  };
}

/** What objects tell of their calls leaves from their own isolate, soon after a call and for all that ended meanwhile. */
function createObjectObserver(
  config: GatewayConfig,
  env: GatewayEnv,
  jurisdiction: Jurisdiction,
  log: Logger,
): NonNullable<StreamServices["observe"]> {
  const binding = (name: string): unknown => Reflect.get(env, name);
  const clock = systemClock;
  const queue = telemetryQueueOf(binding, env.TELEMETRY, jurisdiction);
  const telemetry = createTelemetry(() => ({ queue }), log);
  // Without a ledger of its own, a jurisdiction's counts are points beside everybody's, as in `telemetry.ts`.
  const suffix = queue === env.TELEMETRY ? "" : bindingSuffix(jurisdiction);
  const { metrics, flusher } = createMeter({
    points: binding(`METRICS${suffix}`),
    send: async (counts) => {
      await traces?.flush();
      await telemetry.counts(counts, jurisdiction);
    },
    clock,
    log,
    everyMs: LIMITS.streams.reportAfterMs,
  });
  const traces = createTraces(config, {
    text: (name) => {
      const value = binding(name);
      return typeof value === "string" && value !== "" ? value : undefined;
    },
    fetch: (input, init) => fetch(input, init),
    nowMs: () => clock.nowMs(),
    sleep: (delayMs) => clock.sleep(delayMs),
    waitUntil,
    metrics,
    log,
  });
  const observe = observeStreamedCalls(metrics, traces);
  return (call) => {
    observe(call);
    flusher.flushSoon();
  };
}

interface Isolate {
  readonly models: ModelRegistry;
  readonly homes: Map<Jurisdiction, Home>;
}

/** Nothing of one jurisdiction is asked or told elsewhere. */
interface Home {
  readonly guards: Guards;
  readonly observe: NonNullable<StreamServices["observe"]>;
}

/** Plain data, and calls made by whoever asks: objects of one isolate may share them. */
interface Guards extends Required<Pick<GuardClientOptions, "kept" | "pool" | "homes">> {
  readonly budgets: BudgetKeeper | undefined;
}

function guardsOf(
  { budgets }: GatewayConfig,
  namespace: GatewayEnv["GUARD"],
  nowMs: () => number,
  log: Logger,
): Guards {
  const book = createBudgetBook({ send: (call) => callGuard(namespace, call), nowMs, logger: log });
  return {
    kept: createKeptSettlements(nowMs),
    pool: createPermitPool(nowMs),
    homes: new Map(),
    // An object's isolate may end with its stream.
    budgets:
      budgets.size === 0
        ? undefined
        : createBudgetKeeper({ budgets, book, nowMs, random: Math.random, tellsAll: true }),
  };
}

function isJurisdiction(value: string | undefined): value is "eu" | "us" | "fedramp" {
  return value === "eu" || value === "us" || value === "fedramp";
}
