/** Slots of callers that die, and of calls that take long: a short lease, renewed while the caller lives. */
import { beforeEach, describe, expect, it } from "vitest";
import type { AdmissionRequest, CallReport, Permit } from "../../src/guard/port.ts";
import { QueueingGuardClient } from "../../src/guard/queueing-client.ts";
import { createLogger } from "../../src/telemetry/log.ts";
import { createMemoryGuards, type MemoryGuards } from "../support/memory-guards.ts";
import { VirtualTime } from "../support/virtual-time.ts";
import { Guard, settings, START_MS } from "./guard-support.ts";

const CALL: AdmissionRequest = {
  guard: "model:slow",
  limits: { maxConcurrent: 2 },
  priority: "high",
  estimatedTokens: 0,
  leaseMs: 70_000,
};

let time: VirtualTime;
let guards: MemoryGuards;

beforeEach(() => {
  time = new VirtualTime(START_MS);
  guards = createMemoryGuards(
    () => time.nowMs,
    () => 0,
  );
});

/** A consumer; `die` ends it without a word, as the platform ends an invocation. */
function consumer() {
  let isDead = false;
  const client = new QueueingGuardClient({
    send: guards.send,
    nowMs: () => time.nowMs,
    random: () => 0,
    logger: createLogger("error"),
    schedule: (delayMs, action) => {
      let isCancelled = false;
      void time.sleep(delayMs).then(() => (isDead || isCancelled ? undefined : action()));
      return () => {
        isCancelled = true;
      };
    },
  });
  return { client, die: () => (isDead = true) };
}

async function permitOf(client: QueueingGuardClient, request = CALL): Promise<Permit> {
  const admission = await client.admit(request);
  if (admission.kind === "denied") throw new Error(`denied: ${admission.reason}`);
  return admission.permit;
}

describe("the slot of a caller that died", () => {
  it("is free again after a renewed lease, not after the longest time its call could have taken", async () => {
    const dying = consumer();
    await permitOf(dying.client);
    await permitOf(dying.client);
    await time.runUntil(START_MS + 5_000);
    dying.die();
    const other = consumer().client;
    await time.runUntil(START_MS + settings.renewedLeaseMs - 1);
    expect((await other.admit(CALL)).kind).toBe("denied");
    await time.runUntil(START_MS + settings.renewedLeaseMs);
    await permitOf(other);
    await permitOf(other);
  });
});

describe("the slot of a call that takes long", () => {
  it("is kept as long as the call lasts, at a request every few seconds, and is free at once after it", async () => {
    const { client } = consumer();
    const permits = [await permitOf(client), await permitOf(client)];
    await time.runUntil(START_MS + 60_000);
    expect((await consumer().client.admit(CALL)).kind).toBe("denied");
    expect(guards.requests.settle).toBe(60_000 / settings.renewEveryMs);
    for (const permit of permits) permit.settle(SUCCESS_REPORT);
    await client.flush();
    await permitOf(client);
  });

  it("is not renewed beyond the time-outs of its call: its caller has lost count of it", async () => {
    await permitOf(consumer().client);
    const other = consumer().client;
    const alone = { ...CALL, limits: { maxConcurrent: 1 } };
    await time.runUntil(START_MS + 70_000);
    expect((await other.admit(alone)).kind).toBe("denied");
    await time.runUntil(START_MS + 70_000 + settings.renewedLeaseMs);
    expect((await other.admit(alone)).kind).toBe("granted");
  });

  it("costs no request of its own where others pass by, and none at all for a short call", async () => {
    const { client } = consumer();
    await permitOf(client);
    // Every four seconds, so that the heartbeat finds it renewed of late.
    for (let passed = 1; passed <= 12; passed++) {
      await time.runUntil(START_MS + passed * 4_000);
      (await permitOf(client)).settle(SUCCESS_REPORT);
    }
    expect(guards.requests.settle).toBe(0);
    expect((await consumer().client.admit({ ...CALL, limits: { maxConcurrent: 1 } })).kind).toBe("denied");
  });

  it("is not worth a heartbeat where slots are not limited", async () => {
    const { client } = consumer();
    await permitOf(client, { ...CALL, limits: { requestsPerMinute: 100 } });
    await time.runUntil(START_MS + 60_000);
    expect(guards.requests.settle).toBe(0);
  });
});

describe("a renewal", () => {
  it("gives nobody a slot that has expired, and none longer than the longest lease", () => {
    const guard = new Guard({ maxConcurrent: 1 });
    const late = guard.grant({ leaseMs: 1_000 });
    guard.pass(1_000);
    guard.renew([late]);
    const next = guard.grant({ leaseMs: settings.renewedLeaseMs });
    for (let heldMs = 0; heldMs < settings.maxSlotLeaseMs; heldMs += settings.renewEveryMs) {
      guard.pass(settings.renewEveryMs);
      guard.renew([late, next]);
    }
    expect(guard.grantAll()).toHaveLength(1);
  });

  it("never shortens a lease", () => {
    const guard = new Guard({ maxConcurrent: 1 });
    const id = guard.grant({ leaseMs: 120_000 });
    guard.renew([id]);
    guard.pass(119_999);
    guard.deny();
  });
});

const SUCCESS_REPORT: CallReport = { outcome: "success", latencyMs: 100, usedTokens: null };
