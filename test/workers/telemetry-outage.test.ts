/** The minute's work while the ledger is down: people are told of it, and nothing else stops for it. */
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { operateGuardObject } from "../../src/guard/operate.ts";
import { defineGateway } from "../../src/index.ts";
import { createAlertStore } from "../../src/telemetry/alerts/store.ts";
import { runChores } from "../../src/services/chores.ts";
import { createTelemetryServices } from "../../src/services/telemetry.ts";
import { PerJurisdiction } from "../../src/platform/jurisdictions.ts";
import { emptyLedger } from "./ledger-support.ts";
import { recordingLogger, type LogLine } from "./pipeline-fixtures.ts";
import { SOME_MODELS } from "../support/some-models.ts";

const START_MS = 1_700_000_040_000;
const MINUTE_MS = 60_000;
const GUARD = "model:small";

type Fault = "none" | "down" | "read-only" | "hung";

/** D1 that refuses, never answers, or takes no more writes: what a full database does. */
function faulty(fault: () => Fault): D1Database {
  const isRefused = (sql: string) =>
    fault() === "down" || (fault() === "read-only" && /^\s*(INSERT|UPDATE|DELETE)/i.test(sql));
  return new Proxy(env.LEDGER, {
    get(database, name: keyof D1Database) {
      if (name === "batch" && fault() === "hung") return never;
      if (name !== "prepare") return database[name].bind(database);
      return (sql: string) => {
        if (isRefused(sql)) throw new Error("D1_ERROR: it does not answer");
        return fault() === "hung" ? neverAnswering(database.prepare(sql)) : database.prepare(sql);
      };
    },
  });
}

const never = () => new Promise<never>(() => undefined);

function neverAnswering(statement: D1PreparedStatement): D1PreparedStatement {
  return new Proxy(statement, {
    get(real, name: keyof D1PreparedStatement) {
      return name === "bind" ? (...values: unknown[]) => neverAnswering(real.bind(...values)) : never;
    },
  });
}

function gateway() {
  const told: string[] = [];
  const lines: LogLine[] = [];
  const now = { ms: START_MS };
  let fault: Fault = "none";
  const database = faulty(() => fault);
  const config = defineGateway({
    sources: {},
    models: SOME_MODELS,
    destinations: {},
    alerts: { webhooks: [{ format: "slack", url: { variable: "ALERTS_URL" } }] },
  });
  const minute = async (during: Fault) => {
    fault = during;
    // Of its own each time, as in an isolate that was started for the cron.
    const services = createTelemetryServices(
      config,
      { ...env, LEDGER: database },
      {
        ledgers: new PerJurisdiction(
          { jurisdiction: "none", database, telemetry: env.TELEMETRY },
          () => null,
        ),
        telemetry: { counts: () => Promise.resolve() },
        partitions: { status: () => Promise.resolve(null) },
        clock: { nowMs: () => now.ms, sleep: () => Promise.resolve() },
        text: (name) => (name === "ALERTS_URL" ? "https://hooks.slack.test/T0/B0/x" : undefined),
        fetch: async (_, init) => {
          told.push(await new Response(init?.body ?? null).text());
          return new Response("ok");
        },
        newId: () => crypto.randomUUID(),
        log: recordingLogger(lines),
        // One that hangs is not waited for; a healthy one has all the time a slow machine needs.
        limits: { watchMs: during === "hung" ? 20 : 30_000, foldMs: 0 },
      },
    );
    await services.minute();
    now.ms += MINUTE_MS;
  };
  return { minute, told, lines };
}

beforeEach(async () => {
  await emptyLedger();
  await env.PAYLOADS.delete("alerts/ledgers.json");
  await operateGuardObject(env.GUARD, GUARD, { kind: "reset" });
});

describe("a ledger that cannot be used", () => {
  it.each(["down", "read-only", "hung"] as const)(
    "(%s) is told once, and once more when it is back",
    async (fault) => {
      const { minute, told, lines } = gateway();
      await minute("none");
      for (let at = 0; at < 5; at++) await minute(fault);
      expect(told).toHaveLength(1);
      expect(told[0]).toContain("Ledger cannot be read or written");
      expect(lines).toContainEqual(expect.objectContaining({ level: "error", event: "ledger_unavailable" }));
      for (let at = 0; at < 4; at++) await minute("none");
      expect(told).toHaveLength(2);
      expect(told[1]).toContain(":large_green_circle:");
    },
  );

  it("hides no breaker: one that opens and closes meanwhile is told both times", async () => {
    const { minute, told } = gateway();
    await minute("none");
    for (let at = 0; at < 2; at++) await minute("down");
    expect(told).toHaveLength(1);
    await operateGuardObject(env.GUARD, GUARD, { kind: "trip", forMs: 60 * MINUTE_MS });
    for (let at = 0; at < 3; at++) await minute("down");
    expect(told).toHaveLength(2);
    expect(told[1]).toContain("Breaker open");
    await operateGuardObject(env.GUARD, GUARD, { kind: "reset" });
    for (let at = 0; at < 5; at++) await minute("down");
    expect(told).toHaveLength(3);
    expect(told[2]).toContain(":large_green_circle: Breaker open");
  });

  it("makes nobody hear again of a breaker that was open before it and is open after it", async () => {
    const { minute, told } = gateway();
    await operateGuardObject(env.GUARD, GUARD, { kind: "trip", forMs: 60 * MINUTE_MS });
    await minute("none");
    for (let at = 0; at < 3; at++) await minute("down");
    for (let at = 0; at < 7; at++) await minute("none");
    expect(told.filter((text) => text.includes("Breaker open"))).toHaveLength(1);
    const listed = await createAlertStore(env.LEDGER).incidents(10);
    expect(listed).toMatchObject([
      { rule: "ledger-unavailable", resolvedAtMs: expect.any(Number) },
      { rule: "breaker-open", resolvedAtMs: null },
    ]);
  });

  it("costs no write while nothing is wrong, and is not told after one bad minute", async () => {
    const { minute, told } = gateway();
    await minute("none");
    await minute("down");
    await minute("none");
    await minute("down");
    await minute("none");
    expect(told).toEqual([]);
    expect(await env.PAYLOADS.head("alerts/ledgers.json")).not.toBeNull();
    await env.PAYLOADS.delete("alerts/ledgers.json");
    await minute("none");
    await minute("none");
    expect(await env.PAYLOADS.head("alerts/ledgers.json")).toBeNull();
  });
});

describe("the chores of a minute", () => {
  it("are all begun and told of, though one never ends and one fails", async () => {
    const lines: LogLine[] = [];
    const done: string[] = [];
    const last = Promise.withResolvers<void>();
    const chores = new Map([
      ["hangs", () => new Promise<void>(() => undefined)],
      ["fails", () => Promise.reject(new Error("D1 is down"))],
      [
        "works",
        async () => {
          done.push("works");
          last.resolve();
        },
      ],
    ]);
    void runChores(chores, recordingLogger(lines));
    await last.promise;
    expect(done).toEqual(["works"]);
    expect(lines).toMatchObject([{ level: "error", event: "chore_failed", fields: { chore: "fails" } }]);
  });
});
