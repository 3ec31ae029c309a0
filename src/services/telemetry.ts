/**
 * Composition root of what watches the gateway: counts, gauges, samples. Part of `services.ts`, in a file of its own
 * because none of it is on an event's way.
 */
import { waitUntil } from "cloudflare:workers";
import type { AlertOptions, GatewayConfig } from "../config/define-gateway.ts";
import { LIMITS } from "../config/limits.ts";
import { rulesOf } from "../core/alerts/rules.ts";
import type { Counts } from "../core/metrics/counts.ts";
import { checkEndpointUrl } from "../core/classify/endpoint-url.ts";
import { createWebhookSigner, parseSigningKeys } from "../destinations/webhook-signature.ts";
import { messageOf, type Result } from "../core/result.ts";
import type { PartitionName } from "../core/ids.ts";
import type { GatewayEnv } from "../env.ts";
import { guardNames } from "../guard/names.ts";
import { readGuard } from "../guard/read.ts";
import { findLanes } from "../lanes/wire/lane-set.ts";
import type { PartitionClient } from "../partition/client.ts";
import type { Clock } from "../platform/clock.ts";
import type { AlertReceiver } from "../telemetry/alerts/notify.ts";
import { createAlertStore, type AlertStore } from "../telemetry/alerts/store.ts";
import { watchMinute, type AlertDependencies } from "../telemetry/alerts/watch.ts";
import { isPointWriter, writePoints } from "../telemetry/analytics.ts";
import { createCountsStore, type CountsStore } from "../telemetry/counts-store.ts";
import { createFlusher } from "../telemetry/flush.ts";
import {
  createSampleStore,
  takeSample,
  type GuardGauge,
  type LaneGauge,
  type WaitingForPeople,
} from "../telemetry/gauges.ts";
import type { Logger } from "../telemetry/log.ts";
import { createCollector, type Metrics } from "../telemetry/metrics.ts";
import { readMetricsText } from "../telemetry/metrics-text.ts";
import type { CountsReports } from "../telemetry/port.ts";
import { createSurvey, type Survey } from "../telemetry/survey.ts";

export interface TelemetryServices {
  readonly metrics: Metrics;
  /** For a message that is sent anyway. */
  takeCounts(): Counts | null;
  readonly counts: CountsStore;
  readonly survey: Survey;
  /** For operators: which incidents there were. */
  readonly incidents: Pick<AlertStore, "incidents">;
  /** The partition may stand still from now on. Never throws. */
  suspect(partition: PartitionName): Promise<void>;
  /** The body of `GET /metrics`. */
  metricsText(): Promise<Result<string, "ledger_unavailable">>;
  /** After a request: what was counted leaves with it, or with one before it. */
  flushSoon(): void;
  /** At the end of an invocation whose end others wait for. */
  flushIfDue(): Promise<void>;
  /** Every minute. Never throws. */
  minute(): Promise<void>;
}

export interface TelemetryParts {
  readonly telemetry: CountsReports;
  readonly partitions: Pick<PartitionClient, "status">;
  readonly waiting: () => Promise<WaitingForPeople | null>;
  readonly clock: Clock;
  readonly text: (binding: string) => string | undefined;
  readonly fetch: typeof fetch;
  readonly newId: () => string;
  readonly log: Logger;
}

export function createTelemetryServices(
  config: GatewayConfig,
  env: GatewayEnv,
  parts: TelemetryParts,
): TelemetryServices {
  const { clock, log } = parts;
  const nowMs = () => clock.nowMs();
  const binding = (name: string): unknown => Reflect.get(env, name);
  const limits = LIMITS.telemetry;
  const collector = createCollector(limits);
  const points = binding("METRICS");
  const takeCounts = (): Counts | null => {
    const counts = collector.drain();
    if (counts === null || !isPointWriter(points)) return counts;
    try {
      writePoints(points, counts, limits.maxAnalyticsPoints);
    } catch (thrown) {
      log.warn("points_not_written", { error: messageOf(thrown) });
    }
    return counts;
  };
  const flusher = createFlusher({
    isEmpty: () => collector.isEmpty(),
    flush: async () => {
      const counts = takeCounts();
      if (counts !== null) await parts.telemetry.counts(counts);
    },
    nowMs,
    sleep: (delayMs) => clock.sleep(delayMs),
    waitUntil,
    everyMs: limits.flushEveryMs,
  });
  const counts = createCountsStore(env.LEDGER, parts.newId);
  const samples = createSampleStore(env.LEDGER);
  const survey = createSurvey({
    database: env.LEDGER,
    status: (partition) => parts.partitions.status(partition),
    nowMs,
    log,
    maxPartitions: limits.maxSurveyedPartitions,
    concurrency: limits.surveyConcurrency,
  });
  const alertStore = createAlertStore(env.LEDGER);
  const alerts: AlertDependencies = {
    store: alertStore,
    counts,
    rules: rulesOf(config.alerts),
    receivers: alertReceivers(config.alerts, parts.text, log),
    notify: {
      fetch: parts.fetch,
      nowMs,
      timeoutMs: limits.notifyTimeoutMs,
      context: {
        service: config.alerts.service ?? "sluice",
        runbooks: config.alerts.runbooks ?? "docs/operations.md",
      },
    },
    log,
    nowMs,
    limits: {
      windowMs: limits.alertWindowMs,
      lagMs: limits.alertLagMs,
      keepNoticesMs: limits.keepNoticesMs,
      maxNoticesAtOnce: limits.maxNoticesAtOnce,
    },
  };
  const step = async (name: string, work: () => Promise<void>) => {
    try {
      await work();
    } catch (thrown) {
      log.warn("minute_step_failed", { step: name, error: messageOf(thrown) });
    }
  };
  return {
    metrics: collector,
    takeCounts,
    counts,
    survey,
    incidents: alertStore,
    suspect: (partition) => step("suspect", () => survey.suspect([partition])),
    metricsText: () => readMetricsText({ counts, samples, log }),
    flushSoon: () => flusher.flushSoon(),
    flushIfDue: () => flusher.flushIfDue(),
    async minute() {
      await step("fold", () => counts.fold(nowMs() - limits.foldAfterMs));
      await step("survey", () => survey.run());
      await step("sample", async () => {
        const sample = await takeSample({
          lanes: laneGauges(binding),
          guards: guardGauges(config, env.GUARD),
          partitions: () => survey.summary(),
          waiting: parts.waiting,
          nowMs,
          log,
          timeoutMs: limits.sampleTimeoutMs,
        });
        await samples.put(sample);
        await samples.forget(nowMs() - limits.keepMinutesMs);
        // Without a sample nothing is decided: what it would say is not known.
        await watchMinute(alerts, sample);
        await alertStore.forget(nowMs() - limits.keepMinutesMs);
      });
    },
  };
}

function laneGauges(binding: (name: string) => unknown): LaneGauge[] {
  return Object.entries(findLanes(binding)).flatMap(([priority, shards]) =>
    shards.map((queue, shard) => ({
      lane: shard === 0 ? priority : `${priority}-${shard}`,
      metrics: () => queue.metrics(),
    })),
  );
}

/** One whose URL or secret is not set is left out, and the log says so at every start. */
function alertReceivers(
  { webhooks }: AlertOptions,
  text: (binding: string) => string | undefined,
  log: Logger,
): AlertReceiver[] {
  return webhooks.flatMap((webhook, index): AlertReceiver[] => {
    const address = typeof webhook.url === "string" ? webhook.url : text(webhook.url.variable);
    const url = checkEndpointUrl(address ?? "");
    if (!url.ok) {
      log.warn("alert_webhook_not_configured", { webhook: index, reason: `its URL ${url.error}` });
      return [];
    }
    if (webhook.format === "slack") return [{ format: "slack", url: url.value.href }];
    const keys = parseSigningKeys(text(webhook.secret) ?? "");
    if (keys.ok) return [{ format: "standard", url: url.value.href, sign: createWebhookSigner(keys.value) }];
    log.warn("alert_webhook_not_configured", { webhook: index, reason: `${webhook.secret} ${keys.error}` });
    return [];
  });
}

function guardGauges(config: GatewayConfig, namespace: DurableObjectNamespace): GuardGauge[] {
  return guardNames(config).map((guard) => ({
    guard,
    read: async () => {
      const summary = await readGuard(namespace, guard);
      if (!summary.ok) return null;
      const { breaker, rateFactor } = summary.value;
      return { phase: breaker.phase, rateFactor };
    },
  }));
}
