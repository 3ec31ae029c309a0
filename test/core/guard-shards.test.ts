/** A limit split over several guards: the parts, who asks which, and that their sum is the limit. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../src/config/limits.ts";
import { guardNames } from "../../src/guard/names.ts";
import { createPermitPool } from "../../src/guard/permit-pool.ts";
import type { Admission, AdmissionRequest, GuardClient, GuardLimits } from "../../src/guard/port.ts";
import { QueueingGuardClient } from "../../src/guard/queueing-client.ts";
import { partOf, shardedGuard, shardNames, shardsOf } from "../../src/guard/shards.ts";
import { createLogger } from "../../src/telemetry/log.ts";
import { createMemoryGuards } from "../support/memory-guards.ts";
import { START_MS, SUCCESS } from "./guard-support.ts";

const seed = Number(process.env["GUARD_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
console.info(`guard shards: GUARD_SEED=${seed}`);

const limit = fc.integer({ min: 10, max: 100_000 });
const limits: fc.Arbitrary<GuardLimits> = fc.record(
  {
    requestsPerMinute: limit,
    tokensPerMinute: limit,
    maxConcurrent: limit,
    shards: fc.integer({ min: 1, max: 80 }),
  },
  { requiredKeys: [] },
);

describe("a limit's shards", () => {
  it.each<[GuardLimits, number]>([
    [{}, 1],
    [{ requestsPerMinute: 12_000 }, 1],
    [{ requestsPerMinute: 12_001 }, 2],
    [{ requestsPerMinute: 600_000 }, 50],
    [{ requestsPerMinute: 60_000_000 }, LIMITS.guard.maxShards],
    [{ requestsPerMinute: 600, shards: 4 }, 4],
    [{ requestsPerMinute: 30, shards: 4 }, 3],
    [{ requestsPerMinute: 600_000, maxConcurrent: 25 }, 2],
    [{ maxConcurrent: 5, shards: 3 }, 1],
  ])("%j are %i", (of, shards) => {
    expect(shardsOf(of)).toBe(shards);
    expect(new Set(shardNames("model:fast", of)).size).toBe(shards);
  });

  it("have parts that add up to the limit, none too small for its shares", () => {
    fc.assert(
      fc.property(limits, (of) => {
        const shards = shardsOf(of);
        const parts = Array.from({ length: shards }, (_, shard) => partOf(of, shards, shard));
        for (const name of ["requestsPerMinute", "tokensPerMinute", "maxConcurrent"] as const) {
          const whole = of[name];
          const each = parts.map((part) => part[name]);
          if (whole === undefined) {
            expect(each.every((part) => part === undefined)).toBe(true);
            continue;
          }
          expect(each.reduce<number>((sum, part) => sum + (part ?? 0), 0)).toBe(whole);
          if (shards > 1) expect(Math.min(...each.map(Number))).toBeGreaterThanOrEqual(10);
        }
      }),
      { seed },
    );
  });
});

it("every guard of a config is named: models, their endpoints, limited destinations, shards", () => {
  const large = { requestsPerMinute: 24_000 };
  const regional = [{ region: "EU", definition: { limits: {} } }];
  expect(
    guardNames({
      models: new Map([
        ["fast", { limits: {}, regional }],
        ["huge", { limits: large }],
      ]),
      destinations: new Map([
        ["crm", { limits: { maxConcurrent: 2 } }],
        ["books", { limits: {} }],
      ]),
    }),
  ).toEqual(["model:fast", "model:fast@EU", "model:huge#0", "model:huge#1", "destination:crm"]);
});

describe("a caller", () => {
  const request: AdmissionRequest = {
    guard: "model:fast",
    limits: { requestsPerMinute: 400, shards: 4 },
    priority: "high",
    estimatedTokens: 0,
  };

  /** Answers by shard; grants where nothing else is said. */
  function scripted(answers: Readonly<Record<string, Admission>>, random = 0) {
    const asked: AdmissionRequest[] = [];
    const reports: unknown[] = [];
    const inner: GuardClient = {
      flush: async () => {},
      admit: async (one) => {
        asked.push(one);
        const permit = { settle: (report: unknown) => void reports.push(report) };
        return answers[one.guard] ?? { kind: "granted", permit };
      },
    };
    return { guard: shardedGuard(inner, new Map(), () => random), asked, reports };
  }
  const denied = (reason: "requests" | "breaker", retryAtMs: number): Admission => ({
    kind: "denied",
    reason,
    retryAtMs,
  });
  const names = (asked: readonly AdmissionRequest[]) => asked.map(({ guard }) => guard);

  it("stays with its shard while that grants, and moves when another one did", async () => {
    const answers: Record<string, Admission> = {};
    const { guard, asked } = scripted(answers);
    await guard.admit(request);
    await guard.admit(request);
    answers["model:fast#0"] = denied("requests", 1_000);
    await guard.admit(request);
    await guard.admit(request);
    expect(names(asked)).toEqual([
      "model:fast#0",
      "model:fast#0",
      "model:fast#0",
      "model:fast#1",
      "model:fast#1",
    ]);
  });

  it("that is denied tries one other shard, once, and is told the nearer turn and where it is", async () => {
    const all = Object.fromEntries(
      [5_000, 3_000, 1_000, 2_000].map((atMs, shard) => [`model:fast#${shard}`, denied("requests", atMs)]),
    );
    const { guard, asked } = scripted(all);
    const admission = await guard.admit(request);
    expect(admission).toEqual({ ...denied("requests", 3_000), turnShard: 1 });
    expect(asked).toHaveLength(2);
    await guard.admit({ ...request, turnAtMs: 3_000, turnShard: 1 });
    expect(asked.slice(2)).toMatchObject([{ guard: "model:fast#1", turnAtMs: 3_000 }, {}]);
    expect(asked[3]).not.toHaveProperty("turnAtMs");
  });

  it("asks nobody else when the breaker is open", async () => {
    const { guard, asked } = scripted({ "model:fast#0": denied("breaker", 30_000) });
    expect(await guard.admit(request)).toMatchObject({ kind: "denied", reason: "breaker" });
    expect(asked).toHaveLength(1);
  });

  it("reports to each shard its part of what the other side says is left", async () => {
    const { guard, reports } = scripted({});
    const admission = await guard.admit(request);
    if (admission.kind !== "granted") throw new Error("denied");
    const hint = { limited: false, remainingRequests: 42, remainingTokens: -1, requestsResetMs: 500 };
    admission.permit.settle({ ...SUCCESS, hint });
    expect(reports).toEqual([{ ...SUCCESS, hint: { ...hint, remainingRequests: 10 } }]);
  });
});

it("isolates that come and go over shards never pass the limit in sum, and find nearly all of it", async () => {
  let nowMs = START_MS;
  let state = 7;
  const random = () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
  const guards = createMemoryGuards(() => nowMs, random);
  const requestsPerMinute = 600;
  const isolates = Array.from({ length: 12 }, () => {
    const pool = createPermitPool(() => nowMs);
    const options = { nowMs: () => nowMs, random, logger: createLogger("error"), pool };
    return shardedGuard(new QueueingGuardClient({ ...options, send: guards.send }), new Map(), random);
  });
  const startedAtMs: number[] = [];
  for (; nowMs < START_MS + 150_000; nowMs += 250) {
    for (const isolate of isolates) {
      const admission = await isolate.admit({
        guard: "model:fast",
        limits: { requestsPerMinute, shards: 4 },
        priority: "high",
        estimatedTokens: 0,
        // All of them want all there is: a turn that is not waited for is nobody's.
        turnAtMs: nowMs,
      });
      if (admission.kind === "denied") continue;
      startedAtMs.push(nowMs);
      admission.permit.settle({ outcome: "success", latencyMs: 100, usedTokens: null });
    }
  }
  for (const [index, atMs] of startedAtMs.entries()) {
    const before = startedAtMs[index - requestsPerMinute];
    if (before !== undefined) expect(atMs - before).toBeGreaterThanOrEqual(60_000);
  }
  expect(guards.states.size).toBe(4);
  const lastMinute = startedAtMs.filter((atMs) => atMs >= nowMs - 60_000).length;
  expect(lastMinute).toBeGreaterThanOrEqual(0.95 * requestsPerMinute);
});
