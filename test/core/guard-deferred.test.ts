/**
 * Events that a guard has sent back to their partitions keep their turn: the grant carries it, the pipeline names it, and an overload
 * serves those first that have waited.
 */
import { describe, expect, it } from "vitest";
import { failure } from "../../src/core/failure.ts";
import { DEFAULT_EVENT_POLICY } from "../../src/core/policy.ts";
import type { AdmissionRequest } from "../../src/guard/port.ts";
import { QueueingGuardClient } from "../../src/guard/queueing-client.ts";
import { shardedGuard } from "../../src/guard/shards.ts";
import { consumeLane } from "../../src/lanes/consumer.ts";
import { admitInPlace } from "../../src/pipeline/admission.ts";
import type { LeasedEvent } from "../../src/pipeline/processor.ts";
import { createLogger } from "../../src/telemetry/log.ts";
import { envelopeOf } from "../support/envelopes.ts";
import { createMemoryGuards } from "../support/memory-guards.ts";
import { START_MS } from "../support/partition-script.ts";
import { VirtualTime } from "../support/virtual-time.ts";
import {
  accepted,
  answer,
  bench,
  leasedEvent,
  scriptedDestinations,
  scriptedGuard,
  scriptedModels,
  triagePipeline,
} from "../workers/pipeline-fixtures.ts";
import { eventMessage, READY, ringMessage, World } from "./mutants-lanes-support.ts";

const TURN_MS = START_MS + 60_000;

describe("a deferred event", () => {
  it("is granted again with its turn, for whichever guard is asked next; a retried one has none", async () => {
    const world = await World.create();
    const seen: (number | undefined)[] = [];
    const outcomes = [
      { kind: "deferred", untilMs: TURN_MS, reason: "requests" },
      { kind: "failed", failure: failure("infer", "transient", "http_503", "later") },
      READY,
    ] as const;
    world.prepare = (event: LeasedEvent) => {
      seen.push(event.turnAtMs);
      return Promise.resolve(outcomes[seen.length - 1] ?? READY);
    };
    await world.clock.run(consumeLane(world.deps(), [eventMessage(await envelopeOf({ key: "e0" }))]));
    for (let ring = 0; ring < 2; ring++) {
      world.clock.pass(90_000);
      await world.clock.run(consumeLane(world.deps(), [ringMessage(world.partition.name)]));
    }
    expect(seen).toEqual([undefined, TURN_MS, undefined]);
    expect(world.effects).toEqual(["e0"]);
  });

  const live = () => new AbortController().signal;
  const triage = triagePipeline({ deliver: ["crm"] });

  it("names its turn to its customer's quota, to the model, and to the destination", async () => {
    const models = scriptedModels(() => answer({ label: "late" }));
    const guard = scriptedGuard();
    const destinations = scriptedDestinations({ crm: accepted }, { requestsPerMinute: 60 });
    const { processor } = bench([triage], { models, guard, destinations: destinations.find });
    const policy = { ...DEFAULT_EVENT_POLICY, quota: { perMinute: 10 } };
    const event = { ...(await leasedEvent({ envelope: { policy } })), turnAtMs: TURN_MS };
    const prepared = await processor.prepare(event, live());
    if (prepared.kind !== "ready") throw new Error(prepared.kind);
    expect(models.requests).toMatchObject([{ turnAtMs: TURN_MS }]);
    await processor.deliver(event, prepared.output, live(), async () => {});
    expect(guard.asked).toMatchObject([
      { guard: expect.stringContaining("quota:"), turnAtMs: TURN_MS },
      { guard: "destination:crm", turnAtMs: TURN_MS },
    ]);
  });

  it("names no turn when it has none", async () => {
    const models = scriptedModels(() => answer({ label: "late" }));
    const { processor } = bench([triage], { models });
    await processor.prepare(await leasedEvent(), live());
    expect(models.requests[0]).not.toHaveProperty("turnAtMs");
  });

  it("is in turn at every shard, because it no longer knows where its turn was", async () => {
    const guard = scriptedGuard();
    const sharded = shardedGuard(guard, new Map(), () => 0);
    const request = {
      guard: "model:fast",
      limits: { requestsPerMinute: 600, shards: 3 },
      priority: "low",
    } as const;
    await sharded.admit({ ...request, estimatedTokens: 0, turnAtMs: TURN_MS });
    await sharded.admit({ ...request, estimatedTokens: 0, turnAtMs: TURN_MS, turnShard: 1 });
    await sharded.admit({ ...request, estimatedTokens: 0 });
    expect(guard.asked.map(({ turnAtMs }) => turnAtMs)).toEqual([TURN_MS, TURN_MS, undefined]);
  });
});

interface Served {
  readonly waitMs: number;
  readonly tries: number;
}

/** Eight a second want what five a second may have, for two minutes; whoever is sent home comes back a little late. */
async function overload(namesTurn: boolean): Promise<Served[]> {
  const time = new VirtualTime(START_MS);
  let state = 7;
  const random = () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
  const nowMs = () => time.nowMs;
  const guards = createMemoryGuards(nowMs, random);
  const logger = createLogger("error");
  const request: AdmissionRequest = {
    guard: "model:fast",
    limits: { requestsPerMinute: 300 },
    priority: "high",
    estimatedTokens: 0,
  };
  const served: Served[] = [];
  const never = new AbortController().signal;
  const event = async () => {
    const arrivedAtMs = time.nowMs;
    let turn: Pick<AdmissionRequest, "turnAtMs"> = {};
    for (let tries = 1; ; tries++) {
      const guard = new QueueingGuardClient({ send: guards.send, nowMs, random, logger });
      const admitted = await admitInPlace(
        { guard, nowMs, sleep: time.sleep },
        { ...request, ...turn },
        never,
      );
      if (admitted.kind === "granted") {
        served.push({ waitMs: time.nowMs - arrivedAtMs, tries });
        return;
      }
      if (admitted.kind === "aborted") throw new Error("nobody aborts");
      if (namesTurn) turn = { turnAtMs: admitted.untilMs };
      await time.sleep(admitted.untilMs - time.nowMs + random() * 1_500);
    }
  };
  for (let index = 0; index < 8 * 120; index++) {
    await time.runUntil(START_MS + index * 125);
    void event();
  }
  await time.runUntil(START_MS + 10 * 60_000);
  return served;
}

const p95 = (served: readonly Served[]) =>
  served.map(({ waitMs }) => waitMs).toSorted((one, other) => one - other)[
    Math.floor(0.95 * served.length)
  ] ?? 0;

describe("an overload", () => {
  it("serves those first that have waited: nobody is overtaken by newcomers again and again", async () => {
    const [inTurn, asNewcomers] = [await overload(true), await overload(false)];
    expect(inTurn).toHaveLength(960);
    expect(Math.max(...inTurn.map(({ tries }) => tries))).toBeLessThanOrEqual(6);
    // 360 more than the limit allows have piled up after two minutes, 74 s of it: so long waits who comes last.
    expect(p95(inTurn)).toBeLessThanOrEqual(90_000);
    expect(p95(asNewcomers)).toBeGreaterThanOrEqual(1.3 * p95(inTurn));
  });
});
