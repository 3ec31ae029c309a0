import {
  applyD1Migrations,
  createExecutionContext,
  createMessageBatch,
  createScheduledController,
} from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, inject, it } from "vitest";
import { createGateway } from "../../src/worker.ts";
import { makeToken } from "../../src/operator/authenticate.ts";
import type { Scope } from "../../src/operator/port.ts";
import { createTokenStore } from "../../src/operator/token-store.ts";
import { defineGateway } from "../../src/index.ts";
import { SOME_MODELS } from "../support/some-models.ts";

const TOKEN = "metrics-reader";
const bindings = new Proxy(env, {
  get: (target, name) => (name === "SLUICE_API_TOKEN" ? TOKEN : Reflect.get(target, name)),
});
const gateway = createGateway(defineGateway({ sources: {}, models: SOME_MODELS, destinations: {} }));

const VALID = {
  name: "scraper",
  previousHash: null,
  previousUntilMs: null,
  createdAtMs: 0,
  createdBy: "bootstrap",
  parentId: null,
  expiresAtMs: null,
  revokedAtMs: null,
};

function get(headers: HeadersInit): Promise<Response> {
  const request = new Request("https://sluice.test/metrics", { headers });
  return gateway.fetch(request, bindings, createExecutionContext());
}

beforeEach(async () => {
  await applyD1Migrations(env.LEDGER, inject("ledgerMigrations"));
});

describe("GET /metrics", () => {
  it("is for those who have a token", async () => {
    expect((await get({})).status).toBe(401);
    expect((await get({ authorization: "Bearer wrong" })).status).toBe(401);
  });

  it("opens to a token of the operator API that may read, and to no other of them", async () => {
    const random = (count: number) => crypto.getRandomValues(new Uint8Array(count));
    const tokens = createTokenStore(env.LEDGER);
    const make = async (scopes: readonly Scope[]) => {
      const { id, token, hash } = await makeToken(random);
      await tokens.create({ ...VALID, id, hash, scopes });
      return { authorization: `Bearer ${token}` };
    };
    expect((await get(await make(["read"]))).status).toBe(200);
    expect((await get(await make(["operate"]))).status).toBe(403);
  });

  it("shows what isolates have counted, and the gauges of the last minute", async () => {
    const series = 'sluice_cache_lookups_total{result="hit_kv"}';
    const body = { v: 1, kind: "counts", counts: { counters: { [series]: 12 }, histograms: {} } };
    const message = { id: "m1", timestamp: new Date(), attempts: 1, body };
    await gateway.queue(createMessageBatch("sluice-telemetry", [message]), bindings);
    await gateway.scheduled(createScheduledController(), bindings);
    const response = await get({ authorization: `Bearer ${TOKEN}` });
    expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    const text = await response.text();
    expect(text).toContain(`# TYPE sluice_cache_lookups_total counter\n${series} 12\n`);
    expect(text).toMatch(/^sluice_depth_events 0$/m);
    expect(text).toMatch(/^sluice_lane_backlog_messages\{lane="normal"\} 0$/m);
  });

  it("answers 503 while the ledger is down: a scraper must not see counters that start anew", async () => {
    const broken = new Proxy(bindings, {
      get: (target, name) => (name === "LEDGER" ? { prepare: fail, batch: fail } : Reflect.get(target, name)),
    });
    const request = new Request("https://sluice.test/metrics", {
      headers: { authorization: `Bearer ${TOKEN}` },
    });
    expect((await gateway.fetch(request, broken, createExecutionContext())).status).toBe(503);
  });
});

function fail(): never {
  throw new Error("D1 is down");
}
