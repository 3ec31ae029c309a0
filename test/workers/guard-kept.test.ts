import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { LIMITS } from "../../src/config/limits.ts";
import { createGuardClient } from "../../src/guard/client.ts";
import { GuardObject } from "../../src/guard/guard-object.ts";
import { createKeptSettlements, type KeptSettlements } from "../../src/guard/kept-settlements.ts";
import { createPermitPool, type PermitPool } from "../../src/guard/permit-pool.ts";
import type { AdmissionRequest, CallReport, GuardClient } from "../../src/guard/port.ts";
import { readGuard } from "../../src/guard/read.ts";
import { createLogger } from "../../src/telemetry/log.ts";

/** The first use of an object loads the whole Worker, which may take longer than a caller waits. */
beforeAll(() => runInDurableObject(env.GUARD.get(env.GUARD.idFromName("warm-up")), () => {}));

const SUCCESS: CallReport = { outcome: "success", latencyMs: 100, usedTokens: 10 };

let guards = 0;
let request: AdmissionRequest;
let kept: KeptSettlements;
let pool: PermitPool;
let nowMs: number;

beforeEach(() => {
  request = { guard: `model:kept-${++guards}`, limits: {}, priority: "normal", estimatedTokens: 10 };
  nowMs = Date.now();
  kept = createKeptSettlements(() => nowMs);
  pool = createPermitPool(() => nowMs);
});

/** One per invocation; what is kept is shared. */
function newClient(shared: { readonly pool?: PermitPool } = {}): GuardClient {
  return createGuardClient({
    namespace: env.GUARD,
    nowMs: () => nowMs,
    random: () => 0,
    logger: createLogger("error"),
    kept,
    ...shared,
  });
}

/** One invocation that makes one call. */
async function invoke(
  report: CallReport,
  asked: Partial<AdmissionRequest> = {},
  shared: { readonly pool?: PermitPool } = {},
): Promise<void> {
  const client = newClient(shared);
  const admission = await client.admit({ ...request, ...asked });
  if (admission.kind === "denied") throw new Error(`denied: ${admission.reason}`);
  admission.permit.settle(report);
  await client.flush();
}

const held = async () => {
  const guard = await readGuard(env.GUARD, request.guard);
  return guard.ok ? guard.value.slots.used.normal : Number.NaN;
};

describe("the success of an invocation that comes alone", () => {
  it("is not sent for itself, and rides on the admission of a later invocation", async () => {
    await invoke(SUCCESS);
    expect(await held()).toBe(1);
    await newClient().admit(request);
    expect(await held()).toBe(1);
    expect(kept.take(request.guard, 10)).toEqual([]);
  });

  it.each<[string, CallReport, Partial<AdmissionRequest>]>([
    ["that failed", { ...SUCCESS, outcome: "transient" }, {}],
    ["that used more than was reserved", { ...SUCCESS, usedTokens: 11 }, {}],
    ["that was slow", SUCCESS, { limits: { slowMs: 50 } }],
    ["that held a slot", SUCCESS, { limits: { maxConcurrent: 4 } }],
  ])("is sent before the invocation ends for a call %s", async (_, report, asked) => {
    await invoke(report, asked);
    expect(await held()).toBe(0);
  });

  it("goes along when an invocation has something to send that cannot wait", async () => {
    const client = newClient();
    const admission = await client.admit(request);
    if (admission.kind === "denied") throw new Error(`denied: ${admission.reason}`);
    await invoke(SUCCESS);
    expect(await held()).toBe(2);
    admission.permit.settle({ ...SUCCESS, outcome: "transient" });
    await client.flush();
    expect(await held()).toBe(0);
  });

  it("loses its hint when that has grown old", () => {
    const hint = { limited: false, remainingRequests: 1, requestsResetMs: 60_000 };
    kept.add("model:hinted", { permitId: 1, report: { ...SUCCESS, hint } });
    nowMs += LIMITS.guard.adapt.hintHoldMs;
    expect(kept.take("model:hinted", 1)).toEqual([{ permitId: 1, report: SUCCESS }]);
  });

  it("is kept within a bound: the oldest are left to their permits' expiry", () => {
    const bound = LIMITS.guard.maxSettlementsPerCall;
    for (let permitId = 0; permitId <= bound; permitId++)
      kept.add("model:many", { permitId, report: SUCCESS });
    const taken = kept.take("model:many", bound * 2);
    expect(taken).toHaveLength(bound);
    expect(taken[0]?.permitId).toBe(1);
  });
});

describe("invocations that follow each other quickly", () => {
  it("make their calls under permits that an earlier one was granted ahead", async () => {
    const admits = vi.spyOn(GuardObject.prototype, "admit");
    const calls = 30;
    for (let call = 0; call < calls; call++) await invoke(SUCCESS, {}, { pool });
    // Alone, one more with it, then three, seven, ten …
    expect(admits.mock.calls.length).toBeLessThanOrEqual(6);
    admits.mockRestore();
    nowMs += LIMITS.guard.blockHoldMs;
    await invoke(SUCCESS, {}, { pool });
    const guard = await readGuard(env.GUARD, request.guard);
    // What nobody used was given back; what is kept of the call under way is still counted.
    expect(guard).toMatchObject({
      value: { requests: { used: { normal: calls + 1 } }, slots: { used: { normal: 1 } } },
    });
  });

  it("begin no call under a block once one of them has failed", async () => {
    for (let call = 0; call < 5; call++) await invoke(SUCCESS, {}, { pool });
    await invoke({ ...SUCCESS, outcome: "transient" }, {}, { pool });
    expect(pool.take(request)).toBeNull();
    expect(await held()).toBe(0);
  });
});
