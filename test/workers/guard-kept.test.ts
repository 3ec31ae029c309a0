import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { LIMITS } from "../../src/config/limits.ts";
import { createGuardClient } from "../../src/guard/client.ts";
import { createKeptSettlements, type KeptSettlements } from "../../src/guard/kept-settlements.ts";
import type { AdmissionRequest, CallReport, GuardClient } from "../../src/guard/port.ts";
import { readGuard } from "../../src/guard/read.ts";
import { createLogger } from "../../src/telemetry/log.ts";

const SUCCESS: CallReport = { outcome: "success", latencyMs: 100, usedTokens: 10 };

let guards = 0;
let request: AdmissionRequest;
let kept: KeptSettlements;
let nowMs: number;

beforeEach(() => {
  request = { guard: `model:kept-${++guards}`, limits: {}, priority: "normal", estimatedTokens: 10 };
  nowMs = Date.now();
  kept = createKeptSettlements(() => nowMs);
});

/** One per invocation; what is kept is shared. */
function newClient(): GuardClient {
  return createGuardClient({
    namespace: env.GUARD,
    nowMs: () => nowMs,
    random: () => 0,
    logger: createLogger("error"),
    kept,
  });
}

/** One invocation that makes one call. */
async function invoke(report: CallReport, asked: Partial<AdmissionRequest> = {}): Promise<void> {
  const client = newClient();
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
