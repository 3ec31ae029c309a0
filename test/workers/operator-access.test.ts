/** Who may use the operator API, how often, and what is kept of it. */
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import * as z from "zod";
import { LIMITS } from "../../src/config/limits.ts";
import { RateLimiter } from "../../src/operator/rate-limit.ts";
import { createTokenStore } from "../../src/operator/token-store.ts";
import { partitionFor } from "../support/envelopes.ts";
import { emptyLedger } from "./ledger-support.ts";
import { ADMIN_TOKEN, Operator } from "./operator-support.ts";

const operator = new Operator();
const tokenSchema = z.object({ id: z.string(), token: z.string() });

beforeEach(async () => {
  await emptyLedger();
});

async function tokenWith(scopes: readonly string[], more: object = {}) {
  const made = await operator.post("/tokens", { name: scopes.join("+"), scopes, ...more });
  expect(made.status).toBe(201);
  return tokenSchema.parse(made.body);
}

async function auditLines(): Promise<string[]> {
  const { body } = await operator.get("/audit");
  const entries = z
    .array(z.looseObject({ operation: z.string(), outcome: z.nullable(z.string()) }))
    .parse(body["entries"]);
  return entries.map(({ operation, outcome }) => `${operation} ${outcome}`);
}

describe("the operator API", () => {
  it("answers nobody without a token, with the same words whatever is wrong", async () => {
    const answers = await Promise.all(
      [
        {},
        { authorization: "Basic x" },
        { authorization: "Bearer no" },
        { authorization: `Bearer slu_0123456789abcdef_${"A".repeat(43)}` },
      ].map(async (headers) => (await operator.fetch("/events", { headers })).text()),
    );
    expect(new Set(answers).size).toBe(1);
    expect(answers[0]).toContain("urn:sluice:problem:unauthorized");
    const unset = new Operator({ SLUICE_ADMIN_TOKEN: undefined });
    expect((await unset.get("/events")).status).toBe(401);
  });

  it("is not opened by the tokens of /v1", async () => {
    const other = new Operator({ SLUICE_API_TOKEN: "for-applications" });
    expect((await other.get("/events", "for-applications")).status).toBe(401);
  });

  it("lets a token do what its scopes say, and no more", async () => {
    const partition = await partitionFor("scopes");
    const { token: reader } = await tokenWith(["read"]);
    expect((await operator.get("/whoami", reader)).body).toMatchObject({ name: "read", scopes: ["read"] });
    const refused = await operator.post(`/partitions/${partition}/pause`, { reason: "x" }, reader);
    expect(refused).toMatchObject({ status: 403, body: { type: "urn:sluice:problem:scope-missing" } });
    const { token: mender } = await tokenWith(["read", "operate"]);
    expect((await operator.post(`/partitions/${partition}/resume`, undefined, mender)).status).toBe(200);
    const erase = await operator.post(`/partitions/${partition}/erase`, { confirm: partition }, mender);
    expect(erase.status).toBe(403);
    const wider = await operator.post("/tokens", { name: "w", scopes: ["erase"] }, mender);
    expect(wider).toMatchObject({ status: 403, body: { type: "urn:sluice:problem:scope-too-wide" } });
    const { id: eraser } = await tokenWith(["erase"]);
    expect((await operator.post(`/tokens/${eraser}/rotate`, {}, mender)).status).toBe(403);
    expect((await operator.post(`/tokens/${eraser}/revoke`, undefined, mender)).status).toBe(403);
  });

  it("keeps tokens as hashes alone; rotates them with grace, and revokes them at once", async () => {
    const first = await tokenWith(["read"]);
    const rows = JSON.stringify((await env.LEDGER.prepare("SELECT * FROM api_tokens").all()).results);
    expect(rows).not.toContain(first.token.slice(-43));
    const rotated = await operator.post(`/tokens/${first.id}/rotate`, { graceSeconds: 60 });
    const second = tokenSchema.parse(rotated.body);
    expect(second.id).toBe(first.id);
    expect((await operator.get("/whoami", first.token)).status).toBe(200);
    const third = tokenSchema.parse((await operator.post(`/tokens/${first.id}/rotate`)).body);
    expect((await operator.get("/whoami", first.token)).status).toBe(401);
    expect((await operator.get("/whoami", second.token)).status).toBe(401);
    expect((await operator.get("/whoami", third.token)).status).toBe(200);
    expect((await operator.post(`/tokens/${first.id}/revoke`)).status).toBe(200);
    expect((await operator.get("/whoami", third.token)).status).toBe(401);
    expect((await operator.post(`/tokens/${first.id}/rotate`)).status).toBe(409);
    expect(JSON.stringify((await operator.get("/tokens")).body)).not.toContain("hash");
  });

  it("gives no token a longer life than its maker's", async () => {
    const { token } = await tokenWith(["read", "operate"], { expiresInDays: 1 });
    const longer = await operator.post("/tokens", { name: "l", scopes: ["read"], expiresInDays: 2 }, token);
    expect(longer).toMatchObject({ status: 403, body: { type: "urn:sluice:problem:lifetime-too-long" } });
    expect((await operator.post("/tokens", { name: "n", scopes: ["read"] }, token)).status).toBe(201);
    const { results } = await env.LEDGER.prepare("SELECT expires_at_ms FROM api_tokens").all();
    expect(new Set(results.map((row) => row["expires_at_ms"])).size).toBe(1);
    expect(results[0]?.["expires_at_ms"]).not.toBeNull();
  });

  it("hands the secret of a token to nobody but itself and its maker", async () => {
    const mine = await tokenWith(["read", "operate"]);
    const other = await tokenWith(["read", "operate"]);
    const taken = await operator.post(`/tokens/${other.id}/rotate`, { graceSeconds: 60 }, mine.token);
    expect(taken).toMatchObject({ status: 403, body: { type: "urn:sluice:problem:not-your-token" } });
    const made = await operator.post("/tokens", { name: "child", scopes: ["read"] }, mine.token);
    const child = tokenSchema.parse(made.body);
    expect((await operator.post(`/tokens/${child.id}/rotate`, {}, other.token)).status).toBe(403);
    expect((await operator.post(`/tokens/${child.id}/rotate`, {}, mine.token)).status).toBe(200);
    expect((await operator.post(`/tokens/${mine.id}/rotate`, {}, mine.token)).status).toBe(200);
    expect((await operator.post(`/tokens/${other.id}/rotate`)).status).toBe(200);
  });

  it("ends with a token all that it made, and they made", async () => {
    const parent = await tokenWith(["read", "operate"]);
    const scopes = ["read", "operate"];
    const child = tokenSchema.parse(
      (await operator.post("/tokens", { name: "c", scopes }, parent.token)).body,
    );
    const grandchild = tokenSchema.parse(
      (await operator.post("/tokens", { name: "g", scopes }, child.token)).body,
    );
    const other = await tokenWith(["read"]);
    expect((await operator.get("/whoami", grandchild.token)).status).toBe(200);
    expect((await operator.post(`/tokens/${parent.id}/revoke`)).status).toBe(200);
    for (const { token } of [parent, child, grandchild]) {
      expect((await operator.get("/whoami", token)).status).toBe(401);
    }
    expect((await operator.get("/whoami", other.token)).status).toBe(200);
  });

  it("stores no token of a parent that was revoked meanwhile", async () => {
    const parent = await tokenWith(["read", "operate"]);
    await operator.post(`/tokens/${parent.id}/revoke`);
    const store = createTokenStore(env.LEDGER);
    const record = await store.find(parent.id);
    if (record === null) throw new Error("a revoked token stays listed");
    const child = { ...record, id: "0123456789abcdef", parentId: parent.id, revokedAtMs: null };
    expect(await store.create(child)).toBe(false);
    expect(await store.find(child.id)).toBeNull();
  });

  it("ends a token when its time is over", async () => {
    const { id, token } = await tokenWith(["read"], { expiresInDays: 1 });
    expect((await operator.get("/whoami", token)).status).toBe(200);
    await env.LEDGER.prepare("UPDATE api_tokens SET expires_at_ms = ? WHERE id = ?")
      .bind(Date.now(), id)
      .run();
    expect((await operator.get("/whoami", token)).status).toBe(401);
  });

  it("says what is wrong with a request, in a problem document", async () => {
    expect(await operator.get("/events?limit=0&state=lost")).toMatchObject({
      status: 400,
      body: {
        type: "urn:sluice:problem:invalid-request",
        issues: [{ path: "query.state.0" }, { path: "query.limit" }],
      },
    });
    expect(await operator.get("/events?cursor=nonsense")).toMatchObject({
      status: 400,
      body: { type: "urn:sluice:problem:invalid-cursor" },
    });
    expect((await operator.get("/events/evt_nonsense")).status).toBe(400);
    const broken = await operator.fetch("/tokens", {
      method: "POST",
      headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
      body: "{",
    });
    expect(broken.status).toBe(400);
    expect(broken.headers.get("content-type")).toBe("application/problem+json");
    const huge = await operator.post("/tokens", { name: "x".repeat(LIMITS.operator.maxRequestBytes) });
    expect(huge.status).toBe(413);
  });
});

describe("the audit log", () => {
  it("has every call that changed something, or was to: who, what, on what, and what came of it", async () => {
    const partition = await partitionFor("audited");
    const { id, token } = await tokenWith(["read", "operate"]);
    await operator.post(`/partitions/${partition}/pause`, { reason: "a look" }, token);
    await operator.post(`/guards/model:none/reset`, undefined, token);
    await operator.get("/events", token);
    expect(await auditLines()).toEqual(["resetGuard not-found", "pausePartition ok", "createToken ok"]);
    const { body } = await operator.get(`/audit?actor=${id}&target=${partition}`);
    expect(body["entries"]).toMatchObject([
      { actor: id, actorName: "read+operate", operation: "pausePartition", detail: "a look", status: 200 },
    ]);
    const first = await operator.get("/audit?limit=2");
    const rest = await operator.get(`/audit?limit=2&cursor=${String(first.body["next"])}`);
    expect([first.body["entries"], rest.body["entries"]]).toMatchObject([
      [{}, {}],
      [{ operation: "createToken" }],
    ]);
    expect(rest.body["next"]).toBeNull();
  });

  it("comes first: what cannot be written down is not done", async () => {
    const down = new Proxy(env.LEDGER, {
      get: () => () => {
        throw new Error("D1 is down");
      },
    });
    const partition = await partitionFor("unaudited");
    const blind = new Operator({ LEDGER: down });
    const paused = await blind.post(`/partitions/${partition}/pause`, { reason: "x" });
    expect(paused).toMatchObject({ status: 503, body: { type: "urn:sluice:problem:unavailable" } });
    // What needs no ledger is answered all the while.
    expect((await blind.get(`/partitions/${partition}`)).body).toMatchObject({ paused: null });
  });
});

describe("a token that calls too often", () => {
  it("is told when to come back, and holds up no other", () => {
    const limiter = new RateLimiter({ perMinute: 60, burst: 2, maxTokens: 2 });
    const at = 1_000_000;
    expect([limiter.take("a", at), limiter.take("a", at), limiter.take("a", at)]).toEqual([0, 0, 1_000]);
    expect(limiter.take("b", at)).toBe(0);
    expect(limiter.take("a", at + 400)).toBe(600);
    expect(limiter.take("a", at + 1_000)).toBe(0);
  });

  it("is forgotten before the isolate's memory grows", () => {
    const limiter = new RateLimiter({ perMinute: 60, burst: 1, maxTokens: 2 });
    for (const key of ["a", "b", "c"]) limiter.take(key, 0);
    expect([limiter.take("c", 0), limiter.take("a", 0)]).toEqual([1_000, 0]);
  });

  it("is answered 429", async () => {
    const other = new Operator();
    const { token } = await tokenWith(["read"]);
    const answers: number[] = [];
    for (let call = 0; call <= LIMITS.operator.requestBurst + 20; call++) {
      const answer = await other.get("/config", token);
      answers.push(answer.status);
      if (answer.status === 429) {
        expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
        break;
      }
    }
    expect(answers.at(-1)).toBe(429);
  });
});
