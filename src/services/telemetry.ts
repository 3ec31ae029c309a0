/**
 * Composition root of what watches the gateway: counts, gauges, samples. Part of `services.ts`, in a file of its own
 * because none of it is on an event's way.
 */
import type { AlertOptions, GatewayConfig } from "../config/gateway-options.ts";
import { LIMITS } from "../config/limits.ts";
import { readingsWithoutLedger } from "../core/alerts/readings.ts";
import { rulesOf } from "../core/alerts/rules.ts";
import { checkEndpointUrl } from "../core/classify/endpoint-url.ts";
import { jurisdictionOf, type Jurisdiction, type PartitionName } from "../core/ids.ts";
import type { Counts } from "../core/metrics/counts.ts";
import { mergeSamples, type Sample } from "../core/metrics/sample.ts";
import { messageOf, type Result } from "../core/result.ts";
import { createWebhookSigner, parseSigningKeys } from "../destinations/webhook-signature.ts";
import type { GatewayEnv } from "../env.ts";
import type { LedgerBindings } from "../ledger/bindings.ts";
import type { PartitionClient } from "../partition/client.ts";
import type { Clock } from "../platform/clock.ts";
import { bindingSuffix, type PerJurisdiction } from "../platform/jurisdictions.ts";
import type { AlertReceiver } from "../telemetry/alerts/notify.ts";
import { createObjectStateStore } from "../telemetry/alerts/object-store.ts";
import { createAlertStore, type AlertStore } from "../telemetry/alerts/store.ts";
import { watchMinute, watchWithoutLedger, type AlertDependencies } from "../telemetry/alerts/watch.ts";
import { uniteCounts } from "../telemetry/counts-store.ts";
import type { CountsIntake } from "../telemetry/intake.ts";
import type { Logger } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { readMetricsText } from "../telemetry/metrics-text.ts";
import { latestOf } from "../telemetry/past.ts";
import type { CountsReports } from "../telemetry/port.ts";
import { createMeter } from "./meter.ts";
import { watchLedger } from "./watch-ledger.ts";

export interface TelemetryServices {
  /** Of a jurisdiction that has a ledger of its own, what is counted stays with that. */
  metricsOf(jurisdiction: Jurisdiction): Metrics;
  /** For a message that is sent anyway, to the ledger of this jurisdiction. */
  takeCounts(jurisdiction: Jurisdiction): Counts | null;
  /** What the consumer of a ledger's telemetry writes to. */
  intakeOf(jurisdiction: Jurisdiction): CountsIntake;
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
  readonly ledgers: PerJurisdiction<LedgerBindings>;
  readonly telemetry: CountsReports;
  readonly partitions: Pick<PartitionClient, "status">;
  readonly clock: Clock;
  readonly text: (binding: string) => string | undefined;
  readonly fetch: typeof fetch;
  readonly newId: () => string;
  readonly log: Logger;
  readonly limits?: Readonly<Record<"watchMs" | "foldMs", number>>;
}

export function createTelemetryServices(
  config: GatewayConfig,
  env: GatewayEnv,
  parts: TelemetryParts,
): TelemetryServices {
  const { clock, ledgers, log } = parts;
  const nowMs = () => clock.nowMs();
  const limits = { ...LIMITS.telemetry, ...parts.limits };
  // One for each ledger: what is counted of an event goes where its summary goes.
  const meters = ledgers.map((_, jurisdiction) =>
    createMeter({
      points: Reflect.get(env, `METRICS${bindingSuffix(jurisdiction)}`),
      send: (counts) => parts.telemetry.counts(counts, jurisdiction),
      clock,
      log,
    }),
  );
  const watched = ledgers.map(({ database }, jurisdiction) =>
    watchLedger({
      config,
      env,
      database,
      jurisdiction,
      hasOwnLedger: (other) => ledgers.hasOwn(other),
      partitions: parts.partitions,
      newId: parts.newId,
      nowMs,
      log,
    }),
  );
  const counts = uniteCounts(watched.all.map((ledger) => ledger.counts));
  const samples = { latest: () => latestOf(watched.all.map((ledger) => ledger.samples)) };
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
  const step = async (name: string, limitMs: number, work: () => Promise<void>) => {
    try {
      await within(limitMs, work);
    } catch (thrown) {
      log.warn("minute_step_failed", { step: name, error: messageOf(thrown) });
    }
  };
  /** @returns the ledgers that could not be read or written */
  const watchAll = async (guardsOf: ReadonlyMap<string, Sample["guards"]>): Promise<readonly string[]> => {
    const sampled = await Promise.all(
      watched.entries.map(async ([jurisdiction, ledger]) => {
        try {
          return await within(limits.watchMs, () => ledger.sample(guardsOf.get(jurisdiction) ?? []));
        } catch (thrown) {
          log.error("ledger_unavailable", { ledger: jurisdiction, error: messageOf(thrown) });
          return jurisdiction;
        }
      }),
    );
    const down = sampled.flatMap((one) => (typeof one === "string" ? one : []));
    const [first, ...others] = sampled.flatMap((one) => (typeof one === "string" ? [] : one));
    // Without a sample of each, nothing that is read from a ledger is decided: what it would say is not known.
    if (down.length > 0 || first === undefined) return down;
    try {
      await within(limits.watchMs, async () => {
        await watchMinute(alerts, mergeSamples(first, ...others));
        await alertStore.forget(nowMs() - limits.keepMinutesMs);
      });
      return [];
    } catch (thrown) {
      // Alerts lie in the common ledger.
      log.error("ledger_unavailable", { ledger: "none", error: messageOf(thrown) });
      return ["none"];
    }
  };
  return {
    metricsOf: (jurisdiction) => meters.of(jurisdiction).metrics,
    takeCounts: (jurisdiction) => meters.of(jurisdiction).take(),
    intakeOf: (jurisdiction) => watched.of(jurisdiction),
    incidents: alertStore,
    suspect: (partition) =>
      step("suspect", limits.watchMs, () =>
        watched.of(jurisdictionOf(partition)).survey.suspect([partition]),
      ),
    metricsText: () => readMetricsText({ counts, samples, log }),
    flushSoon() {
      for (const { flusher } of meters.all) flusher.flushSoon();
    },
    async flushIfDue() {
      await Promise.all(meters.all.map(({ flusher }) => flusher.flushIfDue()));
    },
    async minute() {
      // First, and each within its time: what people are told must not wait for what only counts.
      const found = await Promise.all(
        watched.entries.map(async ([name, ledger]) => [name, await ledger.guards()] as const),
      );
      const guardsOf = new Map<string, Sample["guards"]>(found);
      const down = await watchAll(guardsOf);
      await step("watch-without-ledger", limits.watchMs, async () => {
        const readings = readingsWithoutLedger([...guardsOf.keys()], down, [...guardsOf.values()].flat());
        // Of this minute alone: two crons at once must not share what they have read.
        const told = await watchWithoutLedger(alerts, createObjectStateStore(env.PAYLOADS), readings);
        if (told.length > 0) await step("list-incidents", limits.watchMs, () => alertStore.list(told));
      });
      // Beside each other: a ledger that hangs keeps no other waiting.
      await Promise.all(
        watched.all.map(async ({ counts: kept, survey }) => {
          const foldedBeforeMs = nowMs() - limits.foldAfterMs;
          await step("fold", limits.foldMs + limits.watchMs, () =>
            kept.fold(foldedBeforeMs, nowMs() + limits.foldMs),
          );
          await step("survey", limits.watchMs, () => survey.run());
        }),
      );
    },
  };
}

/** @throws when it takes longer: D1 may hang instead of failing */
async function within<Value>(limitMs: number, work: () => Promise<Value>): Promise<Value> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`no answer within ${limitMs} ms`)), limitMs);
  try {
    return await Promise.race([work(), late.promise]);
  } finally {
    clearTimeout(timer);
  }
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
