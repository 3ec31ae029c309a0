/** The whole gateway's front: how often a caller may guess at a token, and which spellings of a path are answered. */
import { createExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import * as z from "zod";
import { LIMITS } from "../../src/config/limits.ts";
import { defineGateway, defineSource, standardWebhooks } from "../../src/index.ts";
import { canonicalPath } from "../../src/platform/canonical-path.ts";
import { createGateway } from "../../src/worker.ts";
import { Visitor, FROM_HERE } from "./dashboard-support.ts";
import { testPipeline } from "./ingest-support.ts";
import { emptyLedger } from "./ledger-support.ts";

const API_TOKEN = "api-token";
const ADMIN_TOKEN = "admin-token";

function gateway() {
  const orders = defineSource({
    verify: standardWebhooks({ secrets: ["ORDERS_SECRET"] }),
    events: { "*": z.unknown() },
    routes: (route) => [route("*", testPipeline("quiet"))],
  });
  const values: Readonly<Record<string, string>> = {
    SLUICE_API_TOKEN: API_TOKEN,
    SLUICE_ADMIN_TOKEN: ADMIN_TOKEN,
    LOG_LEVEL: "error",
  };
  const bindings = new Proxy(env, {
    get: (target, name) => (typeof name === "string" ? values[name] : undefined) ?? Reflect.get(target, name),
  });
  const worker = createGateway(defineGateway({ sources: { orders }, models: {}, destinations: {} }));
  return (path: string, init: RequestInit = {}) =>
    worker.fetch(new Request(`https://sluice.test${path}`, init), bindings, createExecutionContext());
}

/** The n-th address of one subscriber. */
const address = (count: number) => `2001:db8:1:2::${(count + 1).toString(16)}`;

const guess = (token: string, from: string) => ({
  headers: { authorization: `Bearer ${token}`, "cf-connecting-ip": from },
});

beforeEach(async () => {
  await emptyLedger();
});

describe("guessing at tokens", () => {
  it.each(["/v1/events/evt_1", "/v1/streams/str_1?token=x", "/admin/v1/whoami", "/metrics"])(
    "from a whole IPv6 network is stopped at %s, and holds up nobody else",
    async (path) => {
      const ask = gateway();
      const statuses: number[] = [];
      for (let count = 0; count < LIMITS.operator.refusedTokensPerMinute + 10; count++) {
        statuses.push((await ask(path, guess(`guess-${count}`, address(count)))).status);
      }
      expect(statuses[0]).toBe(401);
      expect(statuses.at(-1)).toBe(429);
      const right = await ask("/admin/v1/whoami", guess(ADMIN_TOKEN, address(999)));
      expect(right.status).toBe(429);
      expect(Number(right.headers.get("retry-after"))).toBeGreaterThan(0);
      expect((await ask("/admin/v1/whoami", guess(ADMIN_TOKEN, "2001:db8:1:3::1"))).status).toBe(200);
    },
  );

  it("is counted over every surface together", async () => {
    const ask = gateway();
    for (let count = 0; count < LIMITS.operator.refusedTokensPerMinute; count++) {
      await ask(count % 2 === 0 ? "/v1/events/evt_1" : "/admin/v1/whoami", guess("no", address(count)));
    }
    expect((await ask("/v1/events/evt_1", guess("no", address(0)))).status).toBe(429);
  });

  it.each(["/v1/streams/str_1?token=x", "/v1/events/evt_1/stream?token=x"])(
    "closes no EventSource of the same address: at %s it is told when to come back",
    async (path) => {
      const ask = gateway();
      for (let count = 0; count < LIMITS.operator.refusedTokensPerMinute; count++) {
        await ask(path, guess("no", address(count)));
      }
      const headers = { accept: "text/event-stream", "cf-connecting-ip": address(0) };
      const answer = await ask(path, { headers });
      expect(answer.status).toBe(200);
      expect(answer.headers.get("content-type")).toMatch(/^text\/event-stream/);
      expect(await answer.text()).toMatch(/^retry: [1-9]\d*000\n/);
    },
  );

  it("at the login is stopped for a whole IPv6 network", async () => {
    const visitor = new Visitor();
    const statuses: number[] = [];
    for (let count = 0; count < 40; count++) {
      const headers = { ...FROM_HERE, "cf-connecting-ip": address(count) };
      statuses.push((await visitor.send("/dashboard/login", { token: `guess-${count}` }, headers)).status);
    }
    expect(statuses.filter((status) => status === 401)).toHaveLength(LIMITS.dashboard.loginsPerMinute);
    expect(statuses.at(-1)).toBe(429);
  });

  it("does not count calls with a right token", async () => {
    const ask = gateway();
    for (let count = 0; count < LIMITS.operator.refusedTokensPerMinute + 10; count++) {
      expect((await ask("/admin/v1/whoami", guess(ADMIN_TOKEN, address(0)))).status).toBe(200);
    }
  });
});

describe("a path in another spelling", () => {
  it.each([
    "/in/orders/",
    "/in//orders",
    "//in/orders",
    "/in/orders\\",

    "/in/orders%2f",
    "/in/%6frders",
  ])("%s is not taken for a source's", async (path) => {
    const ask = gateway();
    expect((await ask("/in/orders", { method: "POST", body: "{}" })).status).not.toBe(404);
    expect((await ask(path, { method: "POST", body: "{}" })).status).toBe(404);
  });

  it.each([
    "/v1//events/evt_1",
    "/v1/events/evt_1/",
    "/v1/events%2fevt_1",
    "/admin/v1/whoami/",
    "/admin//v1/whoami",
  ])("%s is answered by nobody", async (path) => {
    const headers = { authorization: `Bearer ${path.startsWith("/admin") ? ADMIN_TOKEN : API_TOKEN}` };
    expect((await gateway()(path, { headers })).status).toBe(404);
  });

  it("has no canonical form: only the plain one is", () => {
    const of = (path: string) => canonicalPath(`https://sluice.test${path}`);
    for (const path of [
      "/",
      "/in/stripe",
      "/admin/v1/guards/model%3Afast",
      "/v1/schemas/shop/orders%2Fcreate",
      "/dashboard/",
    ])
      expect(of(path)).toBe(path);
    expect(of("/in/stripe?x=//%2f\\")).toBe("/in/stripe");
    for (const path of [
      "/in/stripe\\",
      "/in\\stripe",
      "/in//stripe",
      "/in/stripe/",
      "/in/./stripe",
      "/in/x/../stripe",
      "/in/x/%2e%2E/stripe",
      "/in%2Fstripe",
      "/admin%2Fv1/events",
      "/v1/events/%2e%2e/schemas",
      "/in/stripe%5c",
      "/in/stripe%00",
      "/in/str\tipe",
    ]) {
      expect(of(path), path).toBeNull();
    }
  });
});
