/**
 * Twenty consumers against one limit, with the gateway's own client and its wait in place, on a simulated clock: the limit as
 * the other side counts it, how much of it is used, and what the waiting costs. `npm run bench:guard` does the same in workerd.
 */
import { beforeAll, describe, expect, it } from "vitest";
import { createKeptSettlements } from "../../src/guard/kept-settlements.ts";
import { createPermitPool } from "../../src/guard/permit-pool.ts";
import type { AdmissionRequest } from "../../src/guard/port.ts";
import { QueueingGuardClient } from "../../src/guard/queueing-client.ts";
import type { GuardTransport } from "../../src/guard/transport.ts";
import { admitInPlace } from "../../src/pipeline/admission.ts";
import { createLogger } from "../../src/telemetry/log.ts";
import { createMemoryGuards } from "../support/memory-guards.ts";
import { VirtualTime } from "../support/virtual-time.ts";
import { START_MS } from "./guard-support.ts";

const CONSUMERS = 20;
const EVENTS_AT_ONCE = 3;
const MINUTE_MS = 60_000;

interface Measured {
  /** When each call reached the other side. */
  readonly arrivedAtMs: readonly number[];
  readonly guardRequests: number;
  readonly deferrals: number;
}

async function measure(requestsPerMinute: number, forMs: number, callMs: number): Promise<Measured> {
  const time = new VirtualTime(START_MS);
  let state = 11;
  const random = () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
  const guards = createMemoryGuards(() => time.nowMs, random);
  const send: GuardTransport = async (call) => {
    await time.sleep(1 + Math.floor(random() * 10));
    const answer = await guards.send(call);
    await time.sleep(1 + Math.floor(random() * 10));
    return answer;
  };
  const request: AdmissionRequest = {
    guard: "model:fast",
    limits: { requestsPerMinute },
    priority: "high",
    estimatedTokens: 0,
  };
  const arrivedAtMs: number[] = [];
  let deferrals = 0;
  const never = new AbortController().signal;
  const nowMs = () => time.nowMs;

  const work = async (
    shared: Pick<ConstructorParameters<typeof QueueingGuardClient>[0], "kept" | "pool">,
  ) => {
    for (;;) {
      const guard = new QueueingGuardClient({
        send,
        nowMs,
        random,
        logger: createLogger("error"),
        ...shared,
      });
      const admitted = await admitInPlace({ guard, nowMs, sleep: time.sleep }, request, never);
      if (admitted.kind === "granted") {
        const transitMs = Math.floor(random() * 20);
        arrivedAtMs.push(time.nowMs + transitMs);
        await time.sleep(transitMs + callMs);
        admitted.permit.settle({ outcome: "success", latencyMs: callMs, usedTokens: null });
      } else if (admitted.kind === "denied") {
        // The event goes back to its partition, which comes again at the given time.
        deferrals++;
        await time.sleep(admitted.untilMs - time.nowMs);
      }
      await guard.flush();
    }
  };
  for (let consumer = 0; consumer < CONSUMERS; consumer++) {
    const shared = { kept: createKeptSettlements(nowMs), pool: createPermitPool(nowMs) };
    for (let event = 0; event < EVENTS_AT_ONCE; event++) void work(shared);
  }
  await time.runUntil(START_MS + forMs);
  const { admit, settle } = guards.requests;
  return {
    arrivedAtMs: arrivedAtMs.toSorted((one, other) => one - other),
    guardRequests: admit + settle,
    deferrals,
  };
}

describe("twenty consumers that want more than the limit of 50 a second", () => {
  const limit = 3_000;
  const forMs = 2.5 * MINUTE_MS;
  let measured: Measured;
  beforeAll(async () => {
    measured = await measure(limit, forMs, 300);
  });

  it("never send more than the limit within a minute, as the other side counts it", () => {
    for (const [index, atMs] of measured.arrivedAtMs.entries()) {
      const before = measured.arrivedAtMs[index - limit];
      if (before !== undefined) expect(atMs - before).toBeGreaterThanOrEqual(MINUTE_MS);
    }
  });

  it("use at least 95 % of it", () => {
    const endMs = START_MS + forMs;
    const lastMinute = measured.arrivedAtMs.filter((atMs) => atMs > endMs - MINUTE_MS && atMs <= endMs);
    expect(lastMinute.length).toBeGreaterThanOrEqual(0.95 * limit);
  });

  it("never stand still: calls go out in every second, also when a burst has begun the minute", () => {
    for (let second = 0; second < forMs / 1_000; second++) {
      const fromMs = START_MS + second * 1_000;
      const within = measured.arrivedAtMs.filter((atMs) => atMs >= fromMs && atMs < fromMs + 1_000);
      expect(within.length).toBeGreaterThanOrEqual(25);
    }
  });

  it("ask their guard at most twice per call, and send few events back to their partitions", () => {
    const calls = measured.arrivedAtMs.length;
    expect(measured.guardRequests / calls).toBeLessThanOrEqual(2.2);
    expect(measured.deferrals / calls).toBeLessThanOrEqual(0.005);
  });
});

it("twenty consumers below the limit ask their guard for one call in four, or less often", async () => {
  const { arrivedAtMs, guardRequests } = await measure(60_000, MINUTE_MS / 2, 600);
  expect(arrivedAtMs.length).toBeGreaterThan(1_000);
  expect(guardRequests / arrivedAtMs.length).toBeLessThanOrEqual(0.25);
});
