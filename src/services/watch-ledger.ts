/**
 * What is watched through one ledger: the counts of its events, the partitions it knows, the lanes and guards of its
 * jurisdiction. Part of `telemetry.ts`, once for each ledger, so that none is told of another's.
 */
import type { GatewayConfig } from "../config/gateway-options.ts";
import { LIMITS } from "../config/limits.ts";
import type { Jurisdiction } from "../core/ids.ts";
import type { Sample } from "../core/metrics/sample.ts";
import type { GatewayEnv } from "../env.ts";
import { namedGuards } from "../guard/names.ts";
import { onNamedGuard } from "../guard/reach.ts";
import { readGuard } from "../guard/read.ts";
import { findLanes, findOwnLanes } from "../lanes/wire/lane-set.ts";
import type { PartitionClient } from "../partition/client.ts";
import { createEventLedger } from "../ledger/events.ts";
import { waitingForPeople } from "../ledger/waiting.ts";
import { createCountsStore, type CountsStore } from "../telemetry/counts-store.ts";
import {
  createSampleStore,
  readGuards,
  takeSample,
  type GuardGauge,
  type LaneGauge,
  type SampleStore,
} from "../telemetry/gauges.ts";
import { JURISDICTIONS } from "../platform/jurisdictions.ts";
import type { Logger } from "../telemetry/log.ts";
import { createSurvey, type Survey } from "../telemetry/survey.ts";

export interface WatchedLedger {
  readonly counts: CountsStore;
  readonly samples: SampleStore;
  readonly survey: Survey;
  /** How its guards stand now: asked of themselves, so it is known while the ledger is down. Never throws. */
  guards(): Promise<Sample["guards"]>;
  /** Takes the gauges of now and keeps them. @throws when the ledger cannot say how much is open */
  sample(guards: Sample["guards"]): Promise<Sample>;
}

export interface WatchedParts {
  readonly config: GatewayConfig;
  readonly env: GatewayEnv;
  readonly database: D1Database;
  /** `none`: the common ledger, which has whoever has none of its own. */
  readonly jurisdiction: Jurisdiction;
  readonly hasOwnLedger: (jurisdiction: Jurisdiction) => boolean;
  readonly partitions: Pick<PartitionClient, "status">;
  readonly newId: () => string;
  readonly nowMs: () => number;
  readonly log: Logger;
}

export function watchLedger(parts: WatchedParts): WatchedLedger {
  const { database, nowMs, log } = parts;
  const limits = LIMITS.telemetry;
  const counts = createCountsStore({ database, newId: parts.newId, nowMs });
  const samples = createSampleStore(database);
  const ledger = createEventLedger({ database });
  const survey = createSurvey({
    database,
    status: (partition) => parts.partitions.status(partition),
    nowMs,
    log,
    maxPartitions: limits.maxSurveyedPartitions,
    concurrency: limits.surveyConcurrency,
  });
  return {
    counts,
    samples,
    survey,
    guards: () => readGuards(guardGauges(parts), { log, timeoutMs: limits.sampleTimeoutMs }),
    async sample(guards) {
      const sample = await takeSample({
        lanes: laneGauges(parts),
        guards,
        partitions: () => survey.summary(),
        ledger: parts.jurisdiction,
        ledgerBytes: () => sizeOf(database),
        waiting: async () => waitingForPeople(await ledger.exceptions()),
        nowMs,
        log,
        timeoutMs: limits.sampleTimeoutMs,
      });
      await samples.put(sample);
      await samples.forget(nowMs() - limits.keepMinutesMs);
      return sample;
    },
  };
}

/** D1 says it with every answer. */
async function sizeOf(database: D1Database): Promise<number | null> {
  const { meta } = await database.prepare("SELECT 1").run();
  return typeof meta.size_after === "number" ? meta.size_after : null;
}

/** Its own, where this is a jurisdiction's ledger; else the common lanes and those of whoever has no ledger. */
function jurisdictionsOf({ jurisdiction, hasOwnLedger }: WatchedParts): readonly Jurisdiction[] {
  return jurisdiction === "none"
    ? ["none", ...JURISDICTIONS.filter((other) => !hasOwnLedger(other))]
    : [jurisdiction];
}

function laneGauges(parts: WatchedParts): LaneGauge[] {
  const binding = (name: string): unknown => Reflect.get(parts.env, name);
  return jurisdictionsOf(parts).flatMap((jurisdiction) => {
    const lanes = jurisdiction === "none" ? findLanes(binding) : findOwnLanes(binding, jurisdiction);
    const prefix = jurisdiction === "none" ? "" : `${jurisdiction}:`;
    return Object.entries(lanes ?? {}).flatMap(([priority, shards]) =>
      shards.map((queue, shard) => ({
        lane: `${prefix}${priority}${shard === 0 ? "" : `-${shard}`}`,
        metrics: () => queue.metrics(),
      })),
    );
  });
}

function guardGauges(parts: WatchedParts): GuardGauge[] {
  const mine = new Set(jurisdictionsOf(parts));
  return namedGuards(parts.config)
    .filter(({ jurisdiction }) => mine.has(jurisdiction))
    .map((guard) => ({
      guard: guard.name,
      read: async () => {
        const summary = await onNamedGuard(parts.env.GUARD, guard, readGuard);
        if (!summary.ok) return null;
        const { breaker, rateFactor } = summary.value;
        return { phase: breaker.phase, rateFactor };
      },
    }));
}
