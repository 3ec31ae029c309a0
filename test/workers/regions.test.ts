/** Where an event's state goes: the hint and the jurisdiction given to every binding that keeps any, by senders all over the world. */
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import * as z from "zod";
import { PRIORITIES } from "../../src/core/policy.ts";
import type { SourceOptions } from "../../src/config/define-source.ts";
import { definePipeline, defineSource, stripe } from "../../src/sluice.ts";
import { SECRET, stripeHeader } from "./ingest-support.ts";
import { answerSchema, newQueues, wholeGateway, type WholeGateway } from "./whole-gateway.ts";

const paid = z.object({ id: z.string(), type: z.literal("paid"), customer: z.string(), note: z.string() });
const PLACES = {
  frankfurt: { colo: "FRA", continent: "EU", longitude: "8.68" },
  seattle: { colo: "SEA", continent: "NA", longitude: "-122.3" },
  sydney: { colo: "SYD", continent: "OC", longitude: "151.2" },
} as const;
type Place = keyof typeof PLACES;

interface Touch {
  readonly binding: string;
  readonly jurisdiction: string;
  readonly hint: string | null;
}

interface Namespace {
  idFromName(name: string): DurableObjectId;
  get(id: DurableObjectId, options?: { readonly locationHint?: string }): unknown;
  jurisdiction?(name: string): Namespace;
}

function watched(touched: Touch[], binding: string, real: Namespace, jurisdiction = "none"): Namespace {
  return {
    idFromName: (name) => real.idFromName(name),
    get: (id, options) => {
      touched.push({ binding, jurisdiction, hint: options?.locationHint ?? null });
      return real.get(id, options);
    },
    // Not implemented in workerd ("Jurisdiction restrictions are not implemented"): what is asked for is what can be seen.
    jurisdiction: (name) => watched(touched, binding, real, name),
  };
}

function gatewayAt(options: Partial<SourceOptions<{ paid: typeof paid }>>) {
  const touched: Touch[] = [];
  const asked = new Set<string>();
  const pipeline = definePipeline({
    name: "pass-on",
    input: paid,
    format: ({ input }) => ({ body: { id: input.id } }),
    deliver: ["out"],
  });
  const shop = defineSource({
    verify: stripe({ secrets: ["STRIPE_SECRET"] }),
    events: { paid },
    partitionBy: ({ payload }) => payload.customer,
    // Asks a guard for every event.
    quota: { perMinute: 6_000 },
    routes: (route) => [route("paid", pipeline)],
    ...options,
  });
  const store = (binding: string) => {
    const kept = new Map<string, ArrayBuffer>();
    return {
      get: async (key: string) => {
        asked.add(binding);
        const bytes = kept.get(key);
        return bytes === undefined ? null : { arrayBuffer: async () => bytes };
      },
      put: async (key: string, bytes: Uint8Array<ArrayBuffer>) => {
        asked.add(binding);
        kept.set(key, bytes.slice().buffer);
      },
      delete: async () => undefined,
    };
  };
  const queues = newQueues();
  const lane = (binding: string) => ({
    send: async (body: unknown) => {
      asked.add(binding);
      queues.lanes.push(JSON.parse(JSON.stringify(body)));
    },
    sendBatch: () => Promise.reject(new Error("one event at a time here")),
  });
  const lanes = PRIORITIES.flatMap((priority) => [
    `LANE_${priority.toUpperCase()}`,
    `LANE_${priority.toUpperCase()}_EU`,
  ]);
  const namespaces = { PARTITION: env.PARTITION, GUARD: env.GUARD, STREAM: env.STREAM };
  const bindings = {
    STRIPE_SECRET: SECRET,
    ...Object.fromEntries(lanes.map((name) => [name, lane(name)])),
    ...Object.fromEntries(["PAYLOADS", "PAYLOADS_EU"].map((name) => [name, store(name)])),
    ...Object.fromEntries(
      Object.entries(namespaces).map(([name, real]) => [
        name,
        watched(touched, name, real as Namespace), // the platform's own, seen through what is used of it
      ]),
    ),
  };
  return { gateway: wholeGateway({ sources: { shop } }, bindings, queues), touched, asked };
}

let sent = 0;

async function send(gateway: WholeGateway, place: Place, customer: string, note = "", id = `evt_${++sent}`) {
  const body = JSON.stringify({ id, type: "paid", customer, note });
  const signature = await stripeHeader(body, { seconds: Math.floor(Date.now() / 1_000) });
  const headers = { "content-type": "application/json", "stripe-signature": signature };
  const response = await gateway.post("shop", { body, headers, cf: PLACES[place] });
  expect(response.status).toBe(200);
  return answerSchema.parse(await response.json());
}

const deliveredIds = (gateway: WholeGateway) =>
  gateway.queues.delivered.map(
    (message) => z.object({ body: z.object({ id: z.string() }) }).parse(message).body.id,
  );

describe("events of the world", () => {
  it("get their partition near the first sender, or where the config says; everybody else's hints come too late to matter", async () => {
    const near = gatewayAt({});
    await send(near.gateway, "sydney", "near-1");
    await send(near.gateway, "seattle", "near-2");
    await near.gateway.drain();
    const hints = (touched: readonly Touch[]) =>
      touched.flatMap(({ binding, hint }) => (binding === "PARTITION" && hint !== null ? hint : []));
    expect(hints(near.touched)).toEqual(["oc", "wnam"]);
    const told = gatewayAt({ home: ({ payload }) => (payload.customer === "told" ? "weur" : null) });
    await send(told.gateway, "sydney", "told");
    await told.gateway.drain();
    expect(hints(told.touched)).toEqual(["weur"]);
    expect(new Set(told.touched.map(({ jurisdiction }) => jurisdiction))).toEqual(new Set(["none"]));
    expect([...told.asked]).toEqual(["LANE_NORMAL"]);
  });

  it("of one customer are one order and are deduplicated, from wherever they come", async () => {
    const { gateway } = gatewayAt({ policy: { ordering: "strict" } });
    const ids: string[] = [];
    for (const place of ["sydney", "frankfurt", "seattle", "sydney", "frankfurt"] as const) {
      const id = `evt_${++sent}`;
      ids.push(id);
      await send(gateway, place, "everywhere", "", id);
    }
    expect((await send(gateway, "seattle", "everywhere", "", ids[0])).status).toBe("duplicate");
    const last = await send(gateway, "frankfurt", "everywhere", "", ids[4]);
    const { partition } = await gateway.event(last.id ?? "");
    gateway.queues.lanes.push({ v: 1, kind: "ring", partition, priority: "normal" });
    await gateway.drain();
    expect(deliveredIds(gateway)).toEqual(ids);
  });
});

describe("events of a jurisdiction", () => {
  it("touch no object, lane or bucket of another, wherever their sender is; hints never lead outside", async () => {
    const { gateway, touched, asked } = gatewayAt({ jurisdiction: "eu", home: () => "wnam" });
    await send(gateway, "seattle", "ada");
    await send(gateway, "frankfurt", "ada");
    const large = await send(gateway, "sydney", "ada", "x".repeat(200_000));
    await gateway.drain();
    expect(deliveredIds(gateway)).toHaveLength(3);
    expect(await gateway.event(large.id ?? "")).toMatchObject({ state: "done" });
    expect(new Set(touched.map(({ binding }) => binding))).toEqual(new Set(["PARTITION", "GUARD"]));
    expect(new Set(touched.map(({ jurisdiction }) => jurisdiction))).toEqual(new Set(["eu"]));
    expect(touched.every(({ hint }) => hint === null)).toBe(true);
    expect([...asked].sort()).toEqual(["LANE_NORMAL_EU", "PAYLOADS_EU"]);
  });

  it("must have all of their lanes once they have one: a missing one is said by its name", async () => {
    const source = defineSource({
      verify: stripe({ secrets: ["STRIPE_SECRET"] }),
      events: { paid },
      routes: () => [],
    });
    const half = wholeGateway({ sources: { shop: source } }, { LANE_LOW_EU: env.LANE_LOW });
    expect((await half.get("/readyz")).status).toBe(503);
  });
});
