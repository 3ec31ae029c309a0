import { abortAllDurableObjects, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { LIMITS } from "../../src/config/limits.ts";
import { createGuardClient } from "../../src/guard/client.ts";
import { GuardObject } from "../../src/guard/guard-object.ts";
import type { Admission, AdmissionRequest, CallReport, GuardLimits } from "../../src/guard/port.ts";
import { operateGuardObject } from "../../src/guard/operate.ts";
import { readGuard } from "../../src/guard/read.ts";
import { shardNames } from "../../src/guard/shards.ts";
import { createLogger } from "../../src/telemetry/log.ts";
import { eventually } from "../support/eventually.ts";

/** The first use of an object loads the whole Worker, which may take longer than a caller waits. */
beforeAll(() => runInDurableObject(env.GUARD.get(env.GUARD.idFromName("warm-up")), () => {}));

const SUCCESS: CallReport = { outcome: "success", latencyMs: 100, usedTokens: null };
const FAILURE: CallReport = { outcome: "transient", latencyMs: 100, usedTokens: null };

const client = () =>
  createGuardClient({
    namespace: env.GUARD,
    nowMs: Date.now,
    random: Math.random,
    logger: createLogger("error"),
  });

const asking = (guard: string, limits: GuardLimits, estimatedTokens = 0): AdmissionRequest => ({
  guard,
  limits,
  priority: "high",
  estimatedTokens,
});

const stubOf = (guard: string) => env.GUARD.get(env.GUARD.idFromName(guard));
const isGranted = (admission: Admission) => admission.kind === "granted";
const permitsOf = (admissions: readonly Admission[]) =>
  admissions.flatMap((admission) => (admission.kind === "granted" ? [admission.permit] : []));

/** From `callers` isolates at once, as consumers do. */
function admitAtOnce(callers: number, request: AdmissionRequest): Promise<Admission[]> {
  return Promise.all(Array.from({ length: callers }, () => client().admit(request)));
}

async function inGuard<Value>(
  guard: string,
  look: (object: GuardObject, storage: DurableObjectStorage) => Value | Promise<Value>,
): Promise<Value> {
  return runInDurableObject(stubOf(guard), (object, state) => {
    if (!(object instanceof GuardObject)) throw new Error("not a guard");
    return look(object, state.storage);
  });
}

/** Makes everything the guard knows so much older: the same as letting the time pass. */
function letPass(guard: string, ms: number): Promise<void> {
  const aged = (value: unknown): unknown => {
    if (typeof value === "number") return value > 1e12 ? value - ms : value;
    if (Array.isArray(value)) return value.map(aged);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, aged(inner)]));
  };
  return inGuard(guard, (object) => {
    Object.assign(object, { guard: aged(object.guard) });
  });
}

describe("a guard in workerd", () => {
  it("grants concurrent callers no more requests than a minute has", async () => {
    const admissions = await admitAtOnce(80, asking("model:requests", { requestsPerMinute: 40 }));
    const granted = admissions.filter(isGranted);
    expect(granted.length).toBeGreaterThan(0);
    expect(granted.length).toBeLessThanOrEqual(40);
    const times = admissions.flatMap((one) => (one.kind === "denied" ? [one.retryAtMs] : []));
    expect(new Set(times).size).toBe(times.length);
  });

  it("reserves tokens in one step: concurrent callers don't spend them together", async () => {
    const admissions = await admitAtOnce(40, asking("model:tokens", { tokensPerMinute: 1_000 }, 300));
    const granted = admissions.filter(isGranted);
    expect(granted.length).toBeGreaterThan(0);
    expect(granted.length * 300).toBeLessThanOrEqual(1_000);
  });

  it("never gives out more slots than configured, and gives a settled one to the next", async () => {
    const request = asking("model:slots", { maxConcurrent: 5 });
    const caller = client();
    const admissions = await Promise.all(Array.from({ length: 20 }, () => caller.admit(request)));
    const permits = permitsOf(admissions);
    expect(permits).toHaveLength(5);
    permits[0]?.settle(SUCCESS);
    // The settlement rides on the admission that it makes possible.
    expect(isGranted(await caller.admit(request))).toBe(true);
    expect(await caller.admit(request)).toMatchObject({ kind: "denied", reason: "concurrency" });
  });

  it("frees the slots of callers that died", async () => {
    const request = asking("model:died", { maxConcurrent: 2 });
    await admitAtOnce(2, request);
    await letPass("model:died", LIMITS.guard.renewedLeaseMs / 2);
    expect((await admitAtOnce(2, request)).filter(isGranted)).toHaveLength(0);
    await letPass("model:died", LIMITS.guard.renewedLeaseMs / 2);
    expect((await admitAtOnce(4, request)).filter(isGranted)).toHaveLength(2);
  });

  it("keeps the slot of a call that takes long: it is renewed with what its client sends", async () => {
    const request = asking("model:long", { maxConcurrent: 2 });
    let nowMs = Date.now();
    const caller = createGuardClient({
      namespace: env.GUARD,
      nowMs: () => nowMs,
      random: Math.random,
      logger: createLogger("error"),
    });
    await caller.admit(request);
    for (let renewed = 0; renewed < 4; renewed++) {
      await letPass("model:long", LIMITS.guard.renewEveryMs);
      nowMs += LIMITS.guard.renewEveryMs;
      permitsOf([await caller.admit(request)])[0]?.settle(SUCCESS);
    }
    await caller.flush();
    expect((await admitAtOnce(2, request)).filter(isGranted)).toHaveLength(1);
  });

  it("opens its breaker after five calls of which half failed, and lets exactly one of many probe", async () => {
    const request = asking("model:broken", {});
    const caller = client();
    const permits = permitsOf(await Promise.all(Array.from({ length: 6 }, () => caller.admit(request))));
    for (const permit of permits.slice(0, 3)) permit.settle(SUCCESS);
    for (const permit of permits.slice(3, 5)) permit.settle(FAILURE);
    await caller.flush();
    expect(isGranted(await caller.admit(request))).toBe(true);
    permits[5]?.settle(FAILURE);
    await caller.flush();
    expect(await caller.admit(request)).toMatchObject({ kind: "denied", reason: "breaker" });

    await letPass("model:broken", LIMITS.guard.breaker.cooldownMs);
    const probes = permitsOf(await admitAtOnce(30, request));
    expect(probes).toHaveLength(1);
    probes[0]?.settle(SUCCESS);
  });

  it("splits a limit over its shards, which together grant no more than the limit", async () => {
    const limits = { maxConcurrent: 20, shards: 2 };
    const admissions = await admitAtOnce(40, asking("model:sharded", limits));
    expect(admissions.filter(isGranted)).toHaveLength(20);
    for (const name of shardNames("model:sharded", limits)) {
      expect(await readGuard(env.GUARD, name)).toMatchObject({ value: { slots: { used: { high: 10 } } } });
    }
  });

  it("keeps different guards apart", async () => {
    const limits = { maxConcurrent: 1 };
    expect(isGranted(await client().admit(asking("model:one", limits)))).toBe(true);
    expect(isGranted(await client().admit(asking("model:other", limits)))).toBe(true);
  });
});

describe("a restart", () => {
  it("creates no rate: what may have been granted since the last write counts as used", async () => {
    const request = asking("model:restarted", { requestsPerMinute: 30 });
    let granted = 0;
    for (let restart = 0; restart < 6; restart++) {
      granted += (await admitAtOnce(30, request)).filter(isGranted).length;
      await abortAllDurableObjects();
    }
    expect(granted).toBeGreaterThan(0);
    expect(granted).toBeLessThanOrEqual(30);
  });

  it("creates no slots, and lost grants are settled by their numbers", async () => {
    const request = asking("model:restarted-slots", { maxConcurrent: 20 });
    const caller = client();
    const permits = permitsOf(await Promise.all(Array.from({ length: 30 }, () => caller.admit(request))));
    expect(permits).toHaveLength(20);
    await abortAllDurableObjects();
    expect((await admitAtOnce(5, request)).filter(isGranted)).toHaveLength(0);
    for (const permit of permits) permit.settle(SUCCESS);
    await caller.flush();
    const after = (await admitAtOnce(30, request)).filter(isGranted).length;
    expect(after).toBeLessThanOrEqual(20);
    expect(after).toBeGreaterThanOrEqual(18);
  });

  it("leaves an open breaker open", async () => {
    const request = asking("model:restarted-open", {});
    const caller = client();
    for (const permit of permitsOf(
      await Promise.all(Array.from({ length: 5 }, () => caller.admit(request))),
    )) {
      permit.settle(FAILURE);
    }
    await caller.flush();
    await abortAllDurableObjects();
    expect(await client().admit(request)).toMatchObject({ kind: "denied", reason: "breaker" });
  });

  it("over a state that cannot be read grants nothing at first", async () => {
    const request = asking("model:unreadable", { requestsPerMinute: 100 });
    await client().admit(request);
    await inGuard("model:unreadable", (_, storage) => storage.put("data", { guard: { v: 99 } }));
    await abortAllDurableObjects();
    expect(await client().admit(request)).toMatchObject({ kind: "denied", reason: "requests" });
  });
});

describe("the stored state", () => {
  it("is there before the first grant is known", async () => {
    await client().admit(asking("model:stored", { requestsPerMinute: 100 }));
    const stored = await inGuard("model:stored", (_, storage) => storage.get("data"));
    expect(stored).toMatchObject({ guard: { v: 1, lastPermitId: 1 } });
  });

  it("is written at most once a second under load, and what is left soon afterwards", async () => {
    const writes = vi.spyOn(GuardObject.prototype, "persist");
    const startedAtMs = Date.now();
    const caller = client();
    const request = asking("model:busy", { requestsPerMinute: 6_000 });
    const permits = permitsOf(await Promise.all(Array.from({ length: 60 }, () => caller.admit(request))));
    for (const permit of permits) permit.settle(SUCCESS);
    await caller.flush();
    expect(permits).toHaveLength(60);
    const secondsBegun = 1 + Math.floor((Date.now() - startedAtMs) / LIMITS.guard.flushEveryMs);
    expect(writes.mock.calls.length).toBeGreaterThan(0);
    expect(writes.mock.calls.length).toBeLessThanOrEqual(secondsBegun);
    const readStored = () => inGuard("model:busy", (_, storage) => storage.get("data"));
    await eventually(async () =>
      expect(await readStored()).toMatchObject({ guard: { lastPermitId: 60, permits: [] } }),
    );
    writes.mockRestore();
  });
});

describe("an operator's word", () => {
  it("opens a breaker that has seen nothing wrong, for so long; a restart does not undo it, a reset does", async () => {
    const request = asking("model:tripped", {});
    expect(isGranted(await client().admit(request))).toBe(true);
    const tripped = await operateGuardObject(env.GUARD, "model:tripped", { kind: "trip", forMs: 600_000 });
    expect(tripped).toMatchObject({ ok: true, value: { breaker: { phase: "open" } } });
    await abortAllDurableObjects();
    expect(await client().admit(request)).toMatchObject({ kind: "denied", reason: "breaker" });
    const reset = await operateGuardObject(env.GUARD, "model:tripped", { kind: "reset" });
    expect(reset).toMatchObject({ ok: true, value: { breaker: { phase: "closed" }, pausedUntilMs: null } });
    expect(isGranted(await client().admit(request))).toBe(true);
  });
});

describe("an operator's view", () => {
  it("shows breaker, rates and slots", async () => {
    const caller = client();
    const limits = { requestsPerMinute: 100, tokensPerMinute: 10_000, maxConcurrent: 10 };
    const permits = permitsOf([
      await caller.admit(asking("model:viewed", limits, 200)),
      await caller.admit({ ...asking("model:viewed", limits, 200), priority: "low" }),
    ]);
    permits[0]?.settle({ ...FAILURE, usedTokens: 50 });
    await caller.flush();
    const view = await readGuard(env.GUARD, "model:viewed");
    expect(view).toMatchObject({
      ok: true,
      value: {
        breaker: { phase: "closed", untilMs: null, calls: 1, failures: 1 },
        requests: { used: { low: 1, normal: 0, high: 1 }, cap: 100 },
        tokens: { used: { low: 200, normal: 0, high: 50 }, cap: 10_000 },
        slots: { used: { low: 1, normal: 0, high: 0 }, cap: 10 },
        rateFactor: 1,
        pausedUntilMs: null,
        queuedUntilMs: null,
      },
    });
  });

  it("of a guard nobody has used is closed and empty, and stores nothing", async () => {
    expect(await readGuard(env.GUARD, "model:unused")).toMatchObject({
      ok: true,
      value: { breaker: { phase: "closed" }, requests: { cap: null }, slots: { cap: null } },
    });
    expect(await inGuard("model:unused", (_, storage) => storage.get("data"))).toBeUndefined();
  });
});
