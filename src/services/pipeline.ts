/**
 * Composition root of the pipelines: a processor with its guards, caches and streams, for each jurisdiction its own. An
 * event that must stay in one touches no object of another. Part of `services.ts`.
 */
import type { GatewayConfig } from "../config/gateway-options.ts";
import { jurisdictionOf, type Jurisdiction } from "../core/ids.ts";
import type { GatewayEnv } from "../env.ts";
import type { GuardClient } from "../guard/port.ts";
import { callModel } from "../models/call.ts";
import { createModelCaller } from "../pipeline/model-caller.ts";
import type { EventProcessor } from "../pipeline/processor.ts";
import { createProcessor, type ProcessorDeps } from "../pipeline/runner.ts";
import { kvOf } from "../platform/jurisdictions.ts";
import { createModelServices, type ModelBindings, type ModelParts, type ModelServices } from "./models.ts";
import { createRunStreams } from "../streaming/run-streams.ts";
import { streamStub } from "../streaming/stub.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { countDenials, observeModelCalls, observeOverBudget, observeStages } from "../telemetry/observers.ts";

export interface PipelineParts extends Omit<ModelParts, "metrics"> {
  readonly metricsOf: (jurisdiction: Jurisdiction) => Metrics;
  readonly shared: Pick<ProcessorDeps, "destinations" | "loadBody" | "bodyMemory" | "checkSource" | "spans">;
}

export interface PipelineServices {
  /** For what belongs to no event: streams that clients ask for. */
  readonly common: ModelServices;
  /** One per invocation. */
  start(): { readonly processor: EventProcessor; flush(): Promise<void> };
}

export function createPipelineServices(
  config: GatewayConfig,
  env: GatewayEnv,
  parts: PipelineParts,
): PipelineServices {
  const byJurisdiction = new Map<Jurisdiction, ModelServices>();
  const servicesOf = (jurisdiction: Jurisdiction): ModelServices => {
    const known = byJurisdiction.get(jurisdiction);
    if (known !== undefined) return known;
    const made = createModelServices(config, bindingsWithin(env, jurisdiction, parts.binding), {
      ...parts,
      metrics: parts.metricsOf(jurisdiction),
    });
    byJurisdiction.set(jurisdiction, made);
    return made;
  };
  return {
    common: servicesOf("none"),
    start() {
      const started = new Map<Jurisdiction, Started>();
      const of = (jurisdiction: Jurisdiction): EventProcessor => {
        const known = started.get(jurisdiction);
        if (known !== undefined) return known.processor;
        const made = startProcessor(config, env, parts, jurisdiction, servicesOf(jurisdiction));
        started.set(jurisdiction, made);
        return made.processor;
      };
      return {
        processor: {
          prepare: (event, signal) => of(jurisdictionOf(event.envelope.partition)).prepare(event, signal),
          deliver: (event, output, signal, confirm) =>
            of(jurisdictionOf(event.envelope.partition)).deliver(event, output, signal, confirm),
        },
        async flush() {
          const owing = [...started].flatMap(([jurisdiction, { guard }]) => [
            guard.flush(),
            servicesOf(jurisdiction).budgets?.flush() ?? Promise.resolve(),
          ]);
          await Promise.all(owing);
        },
      };
    },
  };
}

interface Started {
  readonly processor: EventProcessor;
  readonly guard: GuardClient;
}

function startProcessor(
  config: GatewayConfig,
  env: GatewayEnv,
  parts: PipelineParts,
  jurisdiction: Jurisdiction,
  { models, cache, budgets, newGuard }: ModelServices,
): Started {
  const { log, clock, fetch: fetcher, shared } = parts;
  const metrics = parts.metricsOf(jurisdiction);
  const nowMs = () => clock.nowMs();
  const guard = countDenials(newGuard(), metrics);
  const spans = shared.spans === undefined ? {} : { spans: shared.spans };
  const caller = createModelCaller({
    models,
    call: callModel,
    guard,
    nowMs,
    sleep: (delayMs, signal) => clock.sleep(delayMs, signal),
    logger: log,
    streams: createRunStreams((id) => streamStub(env.STREAM, id, jurisdiction)),
    observe: observeModelCalls(metrics),
    observeOverBudget: observeOverBudget(metrics),
    ...(budgets === undefined ? {} : { budgets }),
    ...spans,
  });
  const processor = createProcessor({
    ...shared,
    pipelines: config.pipelines,
    models: caller,
    cache,
    guard,
    fetch: fetcher,
    nowMs,
    logger: log,
    observe: observeStages(metrics),
  });
  return { processor, guard };
}

function bindingsWithin(
  env: GatewayEnv,
  jurisdiction: Jurisdiction,
  binding: (name: string) => unknown,
): ModelBindings {
  if (jurisdiction === "none") return env;
  return {
    GUARD: env.GUARD.jurisdiction(jurisdiction),
    RESULTS: kvOf(binding, "RESULTS", jurisdiction),
  };
}
