/** A jurisdiction's own ledger and bucket beside the common ones, as operators see them: as one. */
import { applyD1Migrations } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import * as z from "zod";
import { payloadsByKey } from "../../src/platform/jurisdictions.ts";
import { PartitionReports } from "../../src/partition/reports.ts";
import { createLogger } from "../../src/telemetry/log.ts";
import { partitionFor } from "../support/envelopes.ts";
import { DEAD, summaryFor } from "../support/summaries.ts";
import { MIGRATIONS } from "./ledger-support.ts";
import { gatewayAt } from "./regions-support.ts";
import { ADMIN_TOKEN } from "./whole-gateway.ts";

beforeAll(async () => {
  for (const database of [env.LEDGER, env.OTHER_LEDGER]) await applyD1Migrations(database, MIGRATIONS());
});

const { gateway, touched, told } = gatewayAt({ jurisdiction: "eu" });
const NOW_MS = 1_800_000_000_000;
const dead = await summaryFor({
  key: "dead",
  customer: "ada",
  jurisdiction: "eu",
  receivedAtMs: NOW_MS,
  summary: DEAD,
});
const done = await summaryFor({ key: "done", customer: "ada", jurisdiction: "eu", receivedAtMs: NOW_MS + 2 });
const theirs = await summaryFor({ key: "us", customer: "bob", receivedAtMs: NOW_MS + 1, summary: DEAD });

const idsIn = async (database: D1Database) =>
  (await database.prepare("SELECT id FROM events ORDER BY received_at_ms").all()).results.map(
    (row) => z.object({ id: z.string() }).parse(row).id,
  );

async function read(path: string): Promise<Record<string, unknown>> {
  const response = await gateway.get(`/admin/v1${path}`, ADMIN_TOKEN);
  return z.record(z.string(), z.unknown()).parse(await response.json());
}

const pageSchema = z.looseObject({
  events: z.array(z.looseObject({ id: z.string() })),
  next: z.nullable(z.string()),
});

describe("telemetry of a jurisdiction", () => {
  it("goes to its ledger and to no other, even where it came together with others' by the common queue", async () => {
    const mixed = { v: 1, kind: "events", events: [dead, theirs] };
    const open = { v: 1, kind: "partition_open", partition: dead.partition, dueMs: 1 };
    expect(await gateway.deliver("sluice-telemetry", [mixed, open])).toEqual([]);
    expect(await gateway.deliver("sluice-staging-telemetry-eu", [{ ...mixed, events: [done] }])).toEqual([]);
    expect(await idsIn(env.OTHER_LEDGER)).toEqual([dead.id, done.id]);
    expect(await idsIn(env.LEDGER)).toEqual([theirs.id]);
    const opened = await env.OTHER_LEDGER.prepare("SELECT partition FROM open_partitions").first("partition");
    expect(opened).toBe(dead.partition);
    expect(await env.LEDGER.prepare("SELECT COUNT(*) AS n FROM open_partitions").first("n")).toBe(0);
  });

  it("comes again as a whole while one of its ledgers is down, and changes nothing in the other", async () => {
    const down = gatewayAt({ jurisdiction: "eu" });
    const message = { v: 1, kind: "events", events: [dead, theirs] };
    await env.OTHER_LEDGER.exec("ALTER TABLE events RENAME TO events_away");
    try {
      expect(await down.gateway.deliver("sluice-telemetry", [message])).toEqual([0]);
    } finally {
      await env.OTHER_LEDGER.exec("ALTER TABLE events_away RENAME TO events");
    }
    expect(await down.gateway.deliver("sluice-telemetry", [message])).toEqual([]);
    expect(await idsIn(env.LEDGER)).toEqual([theirs.id]);
  });

  it("is sent by its partition through its own queue", async () => {
    const sent: unknown[] = [];
    const queue = { send: async (body: unknown) => void sent.push(body), sendBatch: () => undefined };
    const fail = () => Promise.reject(new Error("not this one"));
    const bindings = new Proxy(env, {
      get: (real, name) => {
        if (name === "TELEMETRY_EU") return queue;
        return name === "TELEMETRY" ? { send: fail, sendBatch: fail } : (Reflect.get(real, name) as unknown);
      },
    });
    const waiting: Promise<unknown>[] = [];
    const reports = new PartitionReports({
      partition: await partitionFor("ada", {}, "eu"),
      env: () => bindings,
      waitUntil: (work) => void waiting.push(work),
      log: createLogger("error"),
    });
    reports.open(NOW_MS);
    await Promise.all(waiting);
    expect(sent).toMatchObject([{ kind: "partition_open", dueMs: NOW_MS }]);
  });
});

describe("operators", () => {
  it("see both ledgers as one list, page by page, and each event in its own", async () => {
    const newest = pageSchema.parse(await read("/events?limit=2"));
    expect(newest.events.map(({ id }) => id)).toEqual([done.id, theirs.id]);
    const rest = pageSchema.parse(await read(`/events?limit=2&cursor=${newest.next}`));
    expect([rest.events.map(({ id }) => id), rest.next]).toEqual([[dead.id], null]);
    const letters = pageSchema.parse(await read("/dead-letters"));
    expect(letters.events.map(({ id }) => id)).toEqual([theirs.id, dead.id]);
    expect(await read(`/events/${dead.id}`)).toMatchObject({ id: dead.id, state: "dead", retained: false });
    expect(await read("/overview")).toMatchObject({
      exceptions: [{ state: "dead", count: 2 }],
      openPartitions: 1,
    });
  });

  it("read metrics and alerts' gauges of both, each taken through its own bindings", async () => {
    await gateway.minute();
    const text = await (await gateway.get("/metrics")).text();
    expect(text).toContain("sluice_dead_letters 2");
    expect(text).toMatch(/sluice_events_total\{[^}]*state="dead"\} 2/);
    expect(text).toContain('sluice_breaker_state{guard="model:fast"} 0');
    expect(text).toContain('sluice_breaker_state{guard="eu:model:fast"} 0');
    expect(text).toContain('sluice_lane_backlog_messages{lane="eu:normal"}');
    const kept = await env.LEDGER.prepare("SELECT sample FROM metric_samples").first("sample");
    expect(kept).not.toContain("eu:");
    const theirOwn = await env.OTHER_LEDGER.prepare("SELECT sample FROM metric_samples").first("sample");
    expect(theirOwn).toContain("eu:model:fast");
  });

  it("see the guards of every jurisdiction that a source names, and trip the one they name", async () => {
    const names = z
      .looseObject({ guards: z.array(z.looseObject({ name: z.string() })) })
      .parse(await read("/guards"))
      .guards.map(({ name }) => name);
    expect(names).toEqual(["model:fast", "eu:model:fast"]);
    touched.length = 0;
    const tripped = await gateway.operate("/admin/v1/guards/eu:model:fast/trip", { seconds: 60 });
    expect(await tripped.json()).toMatchObject({
      name: "eu:model:fast",
      state: { breaker: { phase: "open" } },
    });
    expect(touched).toEqual([{ binding: "GUARD", jurisdiction: "eu", hint: null }]);
  });

  it("find undeliverable messages of every bucket, send them the way they were going, and erase them with their customer", async () => {
    // A version that is not known yet: no partition takes it, and it is nobody's.
    const report = { v: 1, kind: "partition_open", partition: dead.partition, dueMs: 5 };
    expect(await gateway.deliver("sluice-undeliverable", [report, { v: 9, odd: 1 }])).toEqual([]);
    expect(await gateway.deliver("sluice-undeliverable-eu", [{ v: 9, odd: 2 }])).toEqual([]);
    expect((await env.PAYLOADS.list({ prefix: "undeliverable/" })).objects).toHaveLength(1);
    expect((await env.OTHER_PAYLOADS.list({ prefix: "undeliverable/" })).objects).toHaveLength(2);
    const listed = z.object({
      messages: z.array(z.looseObject({ id: z.string() })),
      next: z.nullable(z.string()),
    });
    const found: string[] = [];
    let next: string | null = "";
    while (next !== null) {
      const page = listed.parse(await read(`/undeliverable?limit=1${next === "" ? "" : `&cursor=${next}`}`));
      found.push(...page.messages.map(({ id }) => id));
      next = page.next;
    }
    expect(found.map((id) => id.startsWith("eu_"))).toEqual([false, true, true]);
    const bodies = await Promise.all(found.map((id) => read(`/undeliverable/${id}`)));
    const at = bodies.findIndex(({ body }) => JSON.stringify(body).includes("partition_open"));
    const before = told.get("TELEMETRY_EU")?.length ?? 0;
    expect((await gateway.operate(`/admin/v1/undeliverable/${found[at]}/replay`, {})).status).toBe(200);
    expect(told.get("TELEMETRY_EU")?.slice(before)).toEqual([report]);
    expect((await gateway.get(`/admin/v1/undeliverable/${found[at]}`, ADMIN_TOKEN)).status).toBe(404);
  });

  it("erase a customer from its ledger and bucket, and from what the common ones had before", async () => {
    const key = `bodies/${dead.id}/x`;
    for (const bucket of [env.PAYLOADS, env.OTHER_PAYLOADS]) await bucket.put(key, "body");
    await env.LEDGER.prepare(
      `INSERT INTO events SELECT * FROM (SELECT '${dead.id}', 1, 'dead', 1, 's', 't', 'p', 'c', 'd', '', 0, 1, 1, '{}')`,
    ).run();
    const erased = await gateway.operate(`/admin/v1/partitions/${dead.partition}/erase`, {
      confirm: dead.partition,
    });
    expect(await erased.json()).toEqual({ status: "erased", bodies: 2 });
    expect(await idsIn(env.OTHER_LEDGER)).toEqual([]);
    expect(await idsIn(env.LEDGER)).toEqual([theirs.id]);
  });
});

describe("large bodies", () => {
  it("that were stored before their jurisdiction had a bucket are still read", async () => {
    const key = `bodies/${done.id}/x`;
    await env.PAYLOADS.put(key, "before");
    const buckets: Readonly<Record<string, unknown>> = {
      PAYLOADS: env.PAYLOADS,
      PAYLOADS_EU: env.OTHER_PAYLOADS,
    };
    const store = payloadsByKey((name) => buckets[name]);
    expect(new TextDecoder().decode(await (await store.get(key))?.arrayBuffer())).toBe("before");
    await store.delete([key]);
    expect(await env.PAYLOADS.head(key)).toBeNull();
  });
});
