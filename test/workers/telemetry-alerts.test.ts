import { applyD1Migrations } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, inject, it } from "vitest";
import { DEFAULT_RULES } from "../../src/core/alerts/rules.ts";
import type { Counts } from "../../src/core/metrics/counts.ts";
import type { Sample } from "../../src/core/metrics/sample.ts";
import { createWebhookSigner, parseSigningKeys } from "../../src/destinations/webhook-signature.ts";
import type { AlertReceiver } from "../../src/telemetry/alerts/notify.ts";
import { createAlertStore } from "../../src/telemetry/alerts/store.ts";
import { watchMinute, type AlertDependencies } from "../../src/telemetry/alerts/watch.ts";
import { recordingLogger } from "./pipeline-fixtures.ts";

const START_MS = 1_700_000_040_000;
const MINUTE_MS = 60_000;
const SECRET = `whsec_${btoa("0123456789abcdef01234567")}`;
const LIMITS = { windowMs: 5 * MINUTE_MS, lagMs: MINUTE_MS, keepNoticesMs: 86_400_000, maxNoticesAtOnce: 10 };

interface Received {
  readonly url: string;
  readonly headers: Headers;
  readonly text: string;
}

function signed(url: string): AlertReceiver {
  const keys = parseSigningKeys(SECRET);
  if (!keys.ok) throw new Error(keys.error);
  return { format: "standard", url, sign: createWebhookSigner(keys.value) };
}

function alerting(
  receivers: readonly AlertReceiver[],
  answer: (url: string) => Response = () => new Response("ok"),
) {
  const received: Received[] = [];
  const clock = { nowMs: START_MS };
  const deps: AlertDependencies = {
    store: createAlertStore(env.LEDGER),
    counts: { minutes: async () => new Map<number, Counts>() },
    rules: DEFAULT_RULES,
    receivers,
    notify: {
      fetch: async (input, init) => {
        const url = input instanceof Request ? input.url : input.toString();
        const headers = new Headers(init?.headers);
        received.push({ url, headers, text: await new Response(init?.body ?? null).text() });
        return answer(url);
      },
      nowMs: () => Date.now(),
      timeoutMs: 1_000,
      context: { service: "sluice", runbooks: "https://docs.test/operations.md" },
    },
    log: recordingLogger([]),
    nowMs: () => clock.nowMs,
    limits: LIMITS,
  };
  const minute = async (deadLetters: number) => {
    await watchMinute(deps, sampleWith(deadLetters));
    clock.nowMs += MINUTE_MS;
  };
  return { deps, minute, received, clock };
}

function sampleWith(deadLetters: number): Sample {
  return {
    v: 1,
    atMs: START_MS,
    lanes: [],
    partitions: { open: 0, openEvents: 0, oldestOpenAtMs: null, paused: [], pausedCount: 0 },
    guards: [],
    deadLetters,
    reviews: 0,
    oldestReviewAtMs: null,
  };
}

beforeEach(async () => {
  await applyD1Migrations(env.LEDGER, inject("ledgerMigrations"));
  await env.LEDGER.exec("UPDATE alert_watch SET version = 0, state = '{}', outbox = '[]'");
  await env.LEDGER.exec("DELETE FROM alert_minutes");
  await env.LEDGER.exec("DELETE FROM alert_incidents");
});

describe("alerts from the cron", () => {
  it("are told once when they open and once when they are over", async () => {
    const { minute, received } = alerting([signed("https://alerts.test/hook")]);
    for (const deadLetters of [3, 11, 12, 30, 30, 0, 0, 0, 0, 0, 0]) await minute(deadLetters);
    expect(received.map(({ text }): unknown => JSON.parse(text))).toMatchObject([
      { type: "alert.opened", data: { rule: "dead-letters", value: 11, limit: 10 } },
      { type: "alert.resolved", data: { rule: "dead-letters", peak: 30 } },
    ]);
    expect(new Set(received.map(({ headers }) => headers.get("webhook-id"))).size).toBe(2);
  });

  it("say that a ledger fills up, and once more when it is nearly full", async () => {
    const { deps, received, clock } = alerting([signed("https://alerts.test/hook")]);
    for (const gigabytes of [6.9, 7.1, 8.9, 9.1, 9.2]) {
      const ledgers = [{ ledger: "eu", bytes: gigabytes * 1e9 }];
      await watchMinute(deps, { ...sampleWith(0), ledgers });
      clock.nowMs += MINUTE_MS;
    }
    expect(received.map(({ text }): unknown => JSON.parse(text))).toMatchObject([
      { data: { rule: "ledger-filling", subject: ["ledger", "eu"], value: 0.71, limit: 0.7 } },
      { data: { rule: "ledger-nearly-full", subject: ["ledger", "eu"], value: 0.91, limit: 0.9 } },
    ]);
  });

  it("reach a receiver that was down later, under the same id, the end after the beginning; the others do not wait", async () => {
    let isDown = true;
    const { minute, received } = alerting(
      [signed("https://down.test/hook"), { format: "slack", url: "https://hooks.slack.test/T0/B0/x" }],
      (url) => new Response("", { status: isDown && url.includes("down") ? 503 : 200 }),
    );
    for (const deadLetters of [11, 0, 0, 0, 0, 0]) await minute(deadLetters);
    const slack = received.filter(({ url }) => url.includes("slack"));
    expect(slack.map(({ text }) => /"text":"(:\w+:)/.exec(text)?.[1])).toEqual([
      ":red_circle:",
      ":large_green_circle:",
    ]);
    isDown = false;
    received.length = 0;
    await minute(0);
    await minute(0);
    expect(received.map(({ url, text }) => [url, /alert\.\w+/.exec(text)?.[0]])).toEqual([
      ["https://down.test/hook", "alert.opened"],
      ["https://down.test/hook", "alert.resolved"],
    ]);
  });

  it("are opened by one of two crons that run at once", async () => {
    const { deps, received } = alerting([signed("https://alerts.test/hook")]);
    await Promise.all([
      watchMinute(deps, sampleWith(50)),
      watchMinute(deps, sampleWith(50)),
      watchMinute(deps, sampleWith(50)),
    ]);
    expect(received).toHaveLength(1);
  });

  it("are listed with their peak and their end, and each minute's readings are kept for what is usual", async () => {
    const { deps, minute } = alerting([]);
    for (const deadLetters of [11, 40, 0, 0, 0, 0, 0]) await minute(deadLetters);
    expect(await deps.store.incidents(10)).toEqual([
      {
        incident: `dead-letters@${START_MS}`,
        rule: "dead-letters",
        subject: [],
        openedAtMs: START_MS,
        resolvedAtMs: START_MS + 6 * MINUTE_MS,
        limit: 10,
        peak: 40,
      },
    ]);
    const past = await deps.store.past([{ fromMs: START_MS, untilMs: START_MS + 2 * MINUTE_MS }]);
    expect(past).toEqual([
      { minuteMs: START_MS, values: { '["depth"]': 0 } },
      { minuteMs: START_MS + MINUTE_MS, values: { '["depth"]': 0 } },
    ]);
  });

  it("do not name the URL of a receiver that fails: for Slack it is the secret", async () => {
    const { deps } = alerting([{ format: "slack", url: "https://hooks.slack.test/T0/B0/secret" }]);
    const lines: Parameters<typeof recordingLogger>[0] = [];
    const failing = {
      ...deps.notify,
      fetch: (url: unknown) => Promise.reject(new Error(`cannot reach ${String(url)}`)),
    };
    await watchMinute({ ...deps, log: recordingLogger(lines), notify: failing }, sampleWith(50));
    expect(JSON.stringify(lines)).toContain("alert_not_sent");
    expect(JSON.stringify(lines)).not.toContain("secret");
  });
});
