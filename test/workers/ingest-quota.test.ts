import { expect, it } from "vitest";
import * as z from "zod";
import { defineGateway, definePipeline, defineSource, stripe } from "../../src/index.ts";
import { SECRET, stripeHeader } from "./ingest-support.ts";
import { answerSchema, wholeGateway } from "./whole-gateway.ts";

const order = z.object({ id: z.string(), customer: z.string() });
const shopOf = (quota: { readonly perMinute: number; readonly burst?: number }) =>
  defineSource({
    verify: stripe({ secrets: ["STRIPE_SECRET"] }),
    events: { order },
    partitionBy: ({ payload }) => payload.customer,
    quota,
    routes: (route) => [route("order", pipeline)],
  });
const pipeline = definePipeline({
  name: "book",
  input: order,
  format: ({ input }) => ({ body: input.id }),
  deliver: ["out"],
});

it("a customer over its quota is taken and waits in its partition; others have theirs", async () => {
  const shop = shopOf({ perMinute: 1, burst: 1 });
  const gateway = wholeGateway({ sources: { shop } }, { STRIPE_SECRET: SECRET });
  const send = async (id: string, customer: string) => {
    const body = JSON.stringify({ id, customer, type: "order" });
    const signature = await stripeHeader(body, { seconds: Math.floor(Date.now() / 1_000) });
    const headers = { "content-type": "application/json", "stripe-signature": signature };
    const response = await gateway.post("shop", { body, headers });
    expect(response.status).toBe(200);
    return answerSchema.parse(await response.json()).id ?? "";
  };
  const greedy = [await send("a1", "greedy"), await send("a2", "greedy"), await send("a3", "greedy")];
  const modest = await send("b1", "modest");
  await gateway.drain();
  const states = await Promise.all([...greedy, modest].map(async (id) => (await gateway.event(id)).state));
  expect(states).toEqual(["done", "deferred", "deferred", "done"]);
  const [, waiting = ""] = greedy;
  const { attempts, deferrals, nextAtMs } = z
    .looseObject({ attempts: z.int(), deferrals: z.int(), nextAtMs: z.int() })
    .parse(await gateway.event(waiting));
  expect([attempts, deferrals]).toEqual([0, 1]);
  expect(nextAtMs).toBeGreaterThan(Date.now());
});

it.each([
  [{ perMinute: 0 }, /policy\.quota: 0 is no number of events/],
  [{ perMinute: 1, burst: 0.5 }, /policy\.quota: 0\.5 is no number of events/],
  [{ perMinute: 10, burst: 11 }, /policy\.quota: a burst of 11 is more than the minute's 10/],
])("a quota that cannot be kept is refused: %j", (quota, message) => {
  const shop = { ...shopOf(quota), routes: [] };
  expect(() => defineGateway({ sources: { shop }, models: {}, destinations: {} })).toThrow(message);
});
