/** Composition root of what stands around model calls: registry, guards, budgets, result cache. Part of `services.ts`. */
import {
  createResultCache,
  NO_RESULT_CACHE,
  type ResultCache,
  type ResultCacheDeps,
} from "../cache/results.ts";
import type { GatewayConfig } from "../config/gateway-options.ts";
import type { GatewayEnv } from "../env.ts";
import { createBudgetBook } from "../guard/budget-book.ts";
import { callGuard } from "../guard/call.ts";
import { createGuardClient } from "../guard/client.ts";
import { createSharedFlights } from "../guard/flight-client.ts";
import { createKeptSettlements } from "../guard/kept-settlements.ts";
import { createPermitPool } from "../guard/permit-pool.ts";
import type { GuardClient } from "../guard/port.ts";
import type { ShardHomes } from "../guard/shards.ts";
import type { GuardTransport } from "../guard/transport.ts";
import { createModelRegistry, type ModelRegistry } from "../models/registry.ts";
import { createBudgetKeeper, type BudgetKeeper } from "../guard/budgets.ts";
import type { Clock } from "../platform/clock.ts";
import type { Logger } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { observeCache } from "../telemetry/observers.ts";

export interface ModelServices {
  readonly models: ModelRegistry;
  readonly cache: ResultCache;
  /** undefined: nothing is budgeted. */
  readonly budgets: BudgetKeeper | undefined;
  /** One per invocation; permits granted ahead and settlements that can wait are the isolate's. */
  readonly newGuard: () => GuardClient;
}

export interface ModelBindings {
  readonly GUARD: GatewayEnv["GUARD"];
  /** null: model answers are kept nowhere. */
  readonly RESULTS: ResultCacheDeps["kv"] | null;
}

export interface ModelParts {
  readonly binding: (name: string) => unknown;
  readonly fetch: typeof fetch;
  readonly clock: Clock;
  readonly newId: () => string;
  readonly metrics: Metrics;
  readonly waitUntil: (work: Promise<unknown>) => void;
  readonly log: Logger;
}

export function createModelServices(
  config: GatewayConfig,
  env: ModelBindings,
  { binding, fetch: fetcher, clock, newId, metrics, waitUntil, log }: ModelParts,
): ModelServices {
  const nowMs = () => clock.nowMs();
  const send: GuardTransport = (call) => callGuard(env.GUARD, call);
  const flights = createSharedFlights({
    send,
    nowMs,
    sleep: (delayMs, signal) => clock.sleep(delayMs, signal),
    newId,
    logger: log,
  });
  const kept = createKeptSettlements(nowMs);
  const pool = createPermitPool(nowMs);
  const homes: ShardHomes = new Map();
  return {
    models: createModelRegistry(config.models, { binding, fetch: fetcher }),
    cache:
      env.RESULTS === null
        ? NO_RESULT_CACHE
        : createResultCache({
            kv: env.RESULTS,
            nowMs,
            logger: log,
            flights,
            observe: observeCache(metrics),
          }),
    budgets:
      config.budgets.size === 0
        ? undefined
        : createBudgetKeeper({
            budgets: config.budgets,
            book: createBudgetBook({ send, nowMs, logger: log }),
            nowMs,
            random: Math.random,
          }),
    newGuard: () =>
      createGuardClient({
        namespace: env.GUARD,
        nowMs,
        random: Math.random,
        logger: log,
        flushSoon: (flush) => waitUntil(flush()),
        kept,
        pool,
        homes,
      }),
  };
}
