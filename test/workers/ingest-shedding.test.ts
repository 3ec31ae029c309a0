import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import { LIMITS } from "../../src/config/limits.ts";
import { defineSource } from "../../src/config/define-source.ts";
import type { EventPolicy, Priority } from "../../src/core/policy.ts";
import { createLaneDepths } from "../../src/ingest/lane-depths.ts";
import { createLaneSet } from "../../src/lanes/wire/lane-set.ts";
import { stripe } from "../../src/ingest/senders/payments.ts";
import { envelopeOf } from "../support/envelopes.ts";
import { charge, NOW_MS, stripeRequest, testIngest, testPipeline } from "./ingest-support.ts";

const any = testPipeline("any");
const sourceOf = (priority: Priority, policy: Partial<EventPolicy> = {}) =>
  defineSource({
    verify: stripe({ secrets: ["STRIPE_SECRET"] }),
    events: { "*": charge },
    partitionBy: ({ payload }) => payload.customer,
    priority,
    policy,
    routes: (route) => [route("*", any)],
  });
const sources = {
  high: sourceOf("high"),
  normal: sourceOf("normal"),
  low: sourceOf("low"),
  strict: sourceOf("low", { ordering: "strict" }),
};
const limits = { high: { maxBacklog: 10 }, normal: { maxBacklog: 10 }, low: { maxBacklog: 10 } };
const request = () => stripeRequest(JSON.stringify({ id: "evt_1", type: "t", customer: "c", amount: 1 }));

it("a deep lane: low events are refused first, with 503 and Retry-After, before anything is written", async () => {
  let nowMs = NOW_MS;
  const depths = createLaneDepths(limits, () => nowMs);
  const { ingest, appended, logs } = testIngest(sources, { sheds: depths.sheds });
  const answer = async (name: string) => (await ingest(await request(), name)).status;
  expect(await answer("low")).toBe(200);
  depths.observe("normal", 0, 10);
  appended.length = 0;
  const refused = await ingest(await request(), "low");
  expect([refused.status, refused.headers.get("retry-after")]).toEqual([
    503,
    String(LIMITS.ingest.shedRetryAfterSeconds),
  ]);
  expect(await refused.json()).toMatchObject({ type: "urn:sluice:problem:overloaded" });
  expect(logs.at(-1)).toMatchObject({ reason: "shed", http_status: 503 });
  expect(appended).toEqual([]);
  expect([await answer("normal"), await answer("high")]).toEqual([200, 200]);
  depths.observe("normal", 0, 15);
  expect([await answer("normal"), await answer("high")]).toEqual([503, 200]);
  depths.observe("high", 0, 20);
  expect(await answer("high")).toBe(503);
  // Its partition says itself when it is full.
  expect(await answer("strict")).toBe(200);
  nowMs += LIMITS.lanes.depthFreshMs + 1;
  expect([await answer("low"), await answer("normal"), await answer("high")]).toEqual([200, 200, 200]);
});

/** A queue that answers every write with this. */
function answering(answer: unknown): object {
  const respond = () => Promise.resolve(answer);
  return { send: respond, sendBatch: respond };
}

it("a lane's own word on its backlog is taken from every write, shard by shard, where the platform gives one", async () => {
  const reporting = (backlogCount: number) =>
    answering({ metadata: { metrics: { backlogCount, backlogBytes: 1 } } });
  const bindings: Readonly<Record<string, object>> = {
    LANE_HIGH: answering(undefined),
    LANE_NORMAL: reporting(7),
    LANE_NORMAL_1: reporting(8),
    LANE_LOW: answering({ metadata: {} }),
  };
  const seen: string[] = [];
  const observe = (priority: Priority, shard: number, backlog: number) =>
    void seen.push(`${priority} ${shard} ${backlog}`);
  const lanes = createLaneSet((name) => bindings[name], observe);
  const envelopes = await Promise.all(
    ["a", "b", "c", "d", "e", "f"].map((customer) => envelopeOf({ key: customer, customer })),
  );
  await lanes.send(envelopes.map((envelope) => ({ ...envelope, priority: "normal" })));
  await lanes.send(envelopes.map((envelope) => ({ ...envelope, priority: "high" })));
  await lanes.send(envelopes.map((envelope) => ({ ...envelope, priority: "low" })));
  expect(seen.sort()).toEqual(["normal 0 7", "normal 1 8"]);
});

it("the runtime's own queues say how deep they are", async () => {
  const seen: number[] = [];
  const lanes = createLaneSet(
    (name) => Reflect.get(env, name),
    (_, __, backlog) => void seen.push(backlog),
  );
  await lanes.send([{ ...(await envelopeOf({ key: "deep" })), priority: "low" }]);
  expect(seen).toEqual([expect.any(Number)]);
});
