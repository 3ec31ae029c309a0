/**
 * Composition root: bindings in, services out. The only module beside `index.ts` that sees everything.
 * What outlives an invocation (imported keys, caches, registries) is made once per isolate; what belongs to
 * one (guard settlements) is made anew.
 */
import { waitUntil } from "cloudflare:workers";
import type { GatewayConfig } from "./config/gateway-options.ts";
import { LIMITS } from "./config/limits.ts";
import type { EventEnvelope } from "./core/envelope.ts";
import { isLoopback } from "./core/classify/endpoint-url.ts";
import type { Jurisdiction } from "./core/ids.ts";
import type { GatewayEnv } from "./env.ts";
import { createIdempotencyCache } from "./cache/idempotency.ts";
import { createDestinationRegistry } from "./destinations/registry.ts";
import { createFloodLimit } from "./ingest/flood.ts";
import { createIngest, type Ingest } from "./ingest/handler.ts";
import type { SchemaRegistry } from "./ingest/ports.ts";
import { createSchemaRegistry } from "./ingest/schema-registry.ts";
import { createSourceCheck } from "./ingest/source-check.ts";
import { createLaneDepths } from "./ingest/lane-depths.ts";
import { appendEvents } from "./lanes/append.ts";
import { findLedgers } from "./ledger/bindings.ts";
import type { ProjectionDependencies } from "./ledger/consumer.ts";
import { createOpenPartitions } from "./ledger/open-partitions.ts";
import { createProjection } from "./ledger/projection.ts";
import { createTelemetry } from "./telemetry/queue.ts";
import { createLaneSet } from "./lanes/wire/lane-set.ts";
import type { DriverDependencies } from "./lanes/ports.ts";
import type { UndeliverableStore } from "./lanes/undeliverable.ts";
import type { TokenSource } from "./operator/bearer-auth.ts";
import type { EventRouteDependencies } from "./operator/event-routes.ts";
import { createOperatorServices, stepReplays, type OperatorServices } from "./services/operator.ts";
import { createPartitionClient } from "./partition/client.ts";
import { askingDecisions, askingPreviousEpochs } from "./partition/epochs.ts";
import { partitionStub } from "./partition/stub.ts";
import { buildEmittedEnvelopes } from "./pipeline/emits.ts";
import { createBodyLoader } from "./pipeline/load-body.ts";
import { createBodyMemory } from "./platform/body-memory.ts";
import { systemClock } from "./platform/clock.ts";
import { findBuckets, isKv, kvOf, payloadsByKey, type PerJurisdiction } from "./platform/jurisdictions.ts";
import { createSecretReader, isStoreSecret } from "./platform/secrets.ts";
import { putBodyOnce } from "./platform/stored-bodies.ts";
import { createDecider } from "./sync/decide.ts";
import { createLogger, isLogLevel } from "./telemetry/log.ts";
import { traceProcessor } from "./telemetry/trace-processor.ts";
import { createChores } from "./services/chores.ts";
import { createDashboardServices, type DashboardServices } from "./services/dashboard.ts";
import { createPipelineServices } from "./services/pipeline.ts";
import { createTelemetryServices, type TelemetryServices } from "./services/telemetry.ts";
import { apiTokensOf, createStreaming, type Streaming } from "./services/streams.ts";
import { observeStreamedCalls } from "./services/stream-observer.ts";
import { readinessOf, type Readiness } from "./services/readiness.ts";
import { createTraces } from "./services/traces.ts";
import { warnOfUncovered } from "./services/uncovered.ts";

export interface Services {
  readonly ingest: Ingest;
  readonly apiTokens: TokenSource;
  readonly corsOrigins: readonly string[];
  readonly nowMs: () => number;
  readonly events: EventRouteDependencies;
  readonly schemas: SchemaRegistry;
  /** @param queue the jurisdiction of the queue it comes from: of what does not say its own */
  readonly undeliverableOf: (queue: Jurisdiction) => UndeliverableStore;
  readonly projections: PerJurisdiction<ProjectionDependencies>;
  /** What the cron does every minute, by name. One that fails keeps no other from its turn. */
  readonly chores: ReadonlyMap<string, () => Promise<void>>;
  readonly operator: OperatorServices;
  readonly dashboard: DashboardServices;
  readonly watch: TelemetryServices;
  /** After a request: what it added to counts and spans is sent later. */
  flushSoon(): void;
  streaming(): Streaming;
  /** @param host that of the request: on this machine other addresses are right than on Cloudflare */
  readiness(host: URL): Readiness;
  /** For one consumer invocation. `finish` sends what its guards still owe. */
  startInvocation(): { readonly driver: DriverDependencies; finish(): Promise<void> };
}

export function createServices(config: GatewayConfig, env: GatewayEnv): Services {
  const binding = (name: string): unknown => Reflect.get(env, name);
  const text = (name: string): string | undefined => {
    const value = binding(name);
    return typeof value === "string" && value !== "" ? value : undefined;
  };
  const level = text("LOG_LEVEL");
  const log = createLogger(isLogLevel(level) ? level : "info");
  const clock = systemClock;
  const nowMs = () => clock.nowMs();
  const newId = () => crypto.randomUUID();
  const fetcher: typeof fetch = (input, init) => fetch(input, init);

  const ledgers = findLedgers(binding, { database: env.LEDGER, telemetry: env.TELEMETRY });
  const buckets = findBuckets(binding, isR2Bucket);
  warnOfUncovered(config, { binding, hasLedger: (jurisdiction) => ledgers.hasOwn(jurisdiction), log });
  const payloads = payloadsByKey(binding);
  const depths = createLaneDepths(config.lanes, nowMs);
  const lanes = createLaneSet(binding, depths.observe);
  const direct = createPartitionClient({
    stub: (partition, home) => partitionStub(env.PARTITION, partition, home),
    attempts: LIMITS.lanes.rpcAttempts,
    sleep: (delayMs) => clock.sleep(delayMs),
    random: Math.random,
  });
  const partitions = askingPreviousEpochs(direct);
  const append = (envelopes: readonly EventEnvelope[]) =>
    appendEvents({ lanes, partitions, newId, sleep: (delayMs) => clock.sleep(delayMs) }, envelopes);
  const ways = ledgers.map(({ telemetry: queue }, jurisdiction) => ({
    queue,
    takeCounts: () => watch.takeCounts(jurisdiction),
  }));
  const telemetry = createTelemetry((jurisdiction) => ways.of(jurisdiction), log);
  const watch = createTelemetryServices(config, env, {
    ledgers,
    telemetry,
    partitions,
    clock,
    text,
    fetch: fetcher,
    newId,
    log,
  });
  const metrics = watch.metricsOf("none");
  const metricsOf = (jurisdiction: Jurisdiction) => watch.metricsOf(jurisdiction);
  const traces = createTraces(config, {
    text,
    fetch: fetcher,
    nowMs,
    sleep: (delayMs) => clock.sleep(delayMs),
    waitUntil,
    metrics,
    log,
  });
  const idempotency = createIdempotencyCache({
    sources: config.sources,
    storeOf: (jurisdiction) => kvOf(binding, "IDEMPOTENCY", jurisdiction),
    nowMs,
    waitUntil,
    logger: log,
    metricsOf,
  });
  const bodyMemory = createBodyMemory(LIMITS.ingest.maxLiveBytes, nowMs);
  const spans = traces === null ? {} : { spans: traces.tracer };
  const destinations = createDestinationRegistry(config.destinations, { binding, fetch: fetcher, nowMs });
  const pipelines = createPipelineServices(config, env, {
    binding,
    fetch: fetcher,
    clock,
    newId,
    metricsOf,
    waitUntil,
    log,
    shared: {
      destinations: (name) => destinations.get(name),
      loadBody: createBodyLoader(payloads),
      bodyMemory,
      checkSource: createSourceCheck(config.sources),
      ...spans,
    },
  });
  const { models, budgets, newGuard } = pipelines.common;

  const startInvocation: Services["startInvocation"] = () => {
    const run = pipelines.start();
    const { processor } = run;
    const driver: DriverDependencies = {
      partitions,
      processor: traces === null ? processor : traceProcessor(processor, traces.tracer, nowMs),
      buildEmits: (event, output) =>
        buildEmittedEnvelopes(event.envelope, event.run, output.emits, config.pipelines, nowMs()),
      telemetry,
      idempotency,
      clock,
      newId,
      log,
      limits: { ...LIMITS.lanes, effectTimeoutMs: LIMITS.stages.deliverTimeoutMs },
    };
    return {
      driver,
      finish: async () => {
        await run.flush();
        // The lane's acknowledgements wait for this invocation: it waits for neither of these.
        waitUntil(watch.flushIfDue());
        if (traces !== null) waitUntil(traces.flush());
      },
    };
  };
  const decide = createDecider({
    partitions: askingDecisions(direct),
    start: () => {
      const invocation = startInvocation();
      return { processor: invocation.driver.processor, finish: () => invocation.finish() };
    },
    clock,
    newId,
    waitUntil,
    log,
    limits: { ...LIMITS.sync, lateMs: LIMITS.partition.decisionLateMs },
  });
  const operator = createOperatorServices({
    config,
    env,
    ledgers,
    buckets,
    // A paused partition rings nobody: without this nobody would be told that it stands still.
    partitions: {
      ...direct,
      operate: async (partition, command) => {
        const reply = await direct.operate(partition, command);
        if (command.kind === "pause") await watch.suspect(partition);
        return reply;
      },
    },
    eraseKnownEnds: (partition) => idempotency.erase(partition),
    append,
    lanes,
    text,
    nowMs,
    log,
  });
  const stepReplay = async (): Promise<void> => {
    const invocation = startInvocation();
    try {
      await stepReplays(operator, invocation.driver.processor, ledgers);
    } finally {
      await invocation.finish();
    }
  };

  return {
    ingest: createIngest({
      sources: config.sources,
      secret: createSecretReader({ binding, nowMs, logger: log }),
      putBody: putBodyOnce(payloads),
      bodyMemory,
      admit: createFloodLimit(binding("INGEST_LIMIT")),
      sheds: depths.sheds,
      append,
      lookUp: (source, ids) => idempotency.lookUp(source, ids),
      decide,
      nowMs,
      randomBytes: (count) => crypto.getRandomValues(new Uint8Array(count)),
      logger: log,
      metricsOf,
      ...(traces === null ? {} : { traces: traces.requests }),
      waitUntil,
    }),
    nowMs,
    apiTokens: { values: () => apiTokensOf(config, text) },
    corsOrigins: config.corsOrigins.flatMap((origin) =>
      typeof origin === "string" ? origin : (text(origin.variable) ?? []),
    ),
    events: { partitions, log },
    schemas: createSchemaRegistry(config.sources),
    undeliverableOf: (queue) => ({
      put: async (key, body, jurisdiction) => {
        await buckets.of(jurisdiction ?? queue).put(key, body);
        metricsOf(jurisdiction ?? queue).count("sluice_undeliverable_total", {});
      },
    }),
    projections: ledgers.map(({ database }, jurisdiction) => ({
      openPartitions: createOpenPartitions(database),
      projection: createProjection(database, config.ledger.successes),
      partitions: direct,
      limits: LIMITS.ledger,
      counts: watch.intakeOf(jurisdiction),
      log,
    })),
    operator,
    dashboard: createDashboardServices({ ledgers, database: env.LEDGER, operator, watch, text }),
    watch,
    flushSoon: () => {
      watch.flushSoon();
      traces?.flushSoon();
    },
    streaming: () =>
      createStreaming({
        config,
        env,
        models,
        guard: newGuard(),
        budgets,
        partitions,
        observe: observeStreamedCalls(metrics, traces),
        text,
        fetch: fetcher,
        nowMs,
        log,
      }),
    // What is in the Secrets Store is not asked for only to say that it is there.
    readiness: (host) =>
      readinessOf(
        config,
        { has: (name) => text(name) !== undefined || isThere(binding(name)), value: text },
        !isLoopback(host),
      ),
    chores: createChores({ config, ledgers, partitions, watch, stepReplay, nowMs, log }),
    startInvocation,
  };
}

/** Bindings that a config names and that are no text. */
function isThere(value: unknown): boolean {
  return isStoreSecret(value) || isKv(value) || isQueue(value);
}

function isQueue(value: unknown): value is Queue {
  return typeof value === "object" && value !== null && "sendBatch" in value;
}

function isR2Bucket(value: unknown): value is R2Bucket {
  return typeof value === "object" && value !== null && "delete" in value;
}
