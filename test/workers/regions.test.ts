/** Where an event's state goes: the hint and the jurisdiction given to every binding that keeps any, by senders all over the world. */
import { applyD1Migrations } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import { warnOfUncovered } from "../../src/services/uncovered.ts";
import { createLogger } from "../../src/telemetry/log.ts";
import { defineSource, stripe } from "../../src/index.ts";
import { MIGRATIONS } from "./ledger-support.ts";
import {
  deliveredIds,
  gatewayAt,
  newDelivery,
  OWN,
  paid,
  passedOn,
  send,
  type Touch,
} from "./regions-support.ts";
import { API_TOKEN, wholeGateway } from "./whole-gateway.ts";

beforeAll(async () => {
  for (const database of [env.LEDGER, env.OTHER_LEDGER]) await applyD1Migrations(database, MIGRATIONS());
});

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
    expect([...told.asked].sort()).toEqual(["IDEMPOTENCY", "LANE_NORMAL", "METRICS", "TELEMETRY"]);
  });

  it("of one customer are one order and are deduplicated, from wherever they come", async () => {
    const { gateway } = gatewayAt({ policy: { ordering: "strict" } });
    const ids: string[] = [];
    for (const place of ["sydney", "frankfurt", "seattle", "sydney", "frankfurt"] as const) {
      const id = newDelivery();
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

const ids = (touched: readonly Touch[]) => new Set(touched.map(({ binding }) => binding));
const jurisdictions = (touched: readonly Touch[]) => new Set(touched.map(({ jurisdiction }) => jurisdiction));

describe("events of a jurisdiction", () => {
  it("touch no object, lane, bucket, ledger or count of another, wherever their sender is; hints never lead outside", async () => {
    const { gateway, touched, asked, told } = gatewayAt({ jurisdiction: "eu", home: () => "wnam" });
    await send(gateway, "seattle", "ada");
    await send(gateway, "frankfurt", "ada");
    const large = await send(gateway, "sydney", "ada", "x".repeat(200_000));
    await gateway.drain();
    expect(deliveredIds(gateway)).toHaveLength(3);
    expect(await gateway.event(large.id ?? "")).toMatchObject({ state: "done" });
    const messages = told.get("TELEMETRY_EU") ?? [];
    expect(messages.length).toBeGreaterThan(0);
    expect(await gateway.deliver("sluice-telemetry-eu", messages)).toEqual([]);
    expect(ids(touched)).toEqual(new Set(["PARTITION", "GUARD"]));
    expect(jurisdictions(touched)).toEqual(new Set(["eu"]));
    expect(touched.every(({ hint }) => hint === null)).toBe(true);
    expect([...asked].sort()).toEqual(["LANE_NORMAL_EU", "LEDGER_EU", "PAYLOADS_EU", "TELEMETRY_EU"]);
  });

  it("that are asked about while their sender waits, stay inside as well", async () => {
    const { gateway, touched, asked } = gatewayAt({
      jurisdiction: "eu",
      routes: (route) => [
        route("paid", passedOn, { mode: "sync", deadlineMs: 20_000, default: { id: "nobody" } }),
      ],
    });
    expect(await send(gateway, "seattle", "sue")).toMatchObject({ status: "decided" });
    expect(jurisdictions(touched)).toEqual(new Set(["eu"]));
    expect([...asked].filter((name) => !name.endsWith("_EU"))).toEqual([]);
  });

  it("are streamed by an object inside it; a stream that a client starts itself has no event, and so no jurisdiction", async () => {
    const { gateway, touched, asked } = gatewayAt({ jurisdiction: "eu", streams: true });
    const { id } = await send(gateway, "seattle", "eve");
    await gateway.drain();
    expect(deliveredIds(gateway)).toHaveLength(1);
    expect((await gateway.get(`/v1/events/${id}/stream`)).status).toBe(200);
    expect(touched.filter(({ binding }) => binding === "STREAM")).toEqual([
      { binding: "STREAM", jurisdiction: "eu", hint: null },
      { binding: "STREAM", jurisdiction: "eu", hint: null },
    ]);
    expect(jurisdictions(touched)).toEqual(new Set(["eu"]));
    // Its cached answers would lie in a namespace that knows no jurisdictions.
    expect(asked.has("RESULTS")).toBe(false);
    const started = await gateway.operate("/v1/streams", { model: "fast", input: "Hello" }, API_TOKEN);
    expect(started.status).toBe(201);
    expect(touched.at(-1)).toEqual({ binding: "STREAM", jurisdiction: "none", hint: null });
  });

  it("are looked up and kept at the edge only where the deployer gave them a namespace of their own", async () => {
    for (const [own, expected] of [
      [[], []],
      [["IDEMPOTENCY_EU"], ["IDEMPOTENCY_EU"]],
    ] as const) {
      const ownBindings = [...OWN.lanes, ...OWN.bodies, ...OWN.ledger, ...own];
      const { gateway, asked } = gatewayAt({ jurisdiction: "eu", idempotency: "results", own: ownBindings });
      const id = newDelivery();
      await send(gateway, "seattle", "ida", "", id);
      await gateway.drain();
      await send(gateway, "seattle", "ida", "", id);
      await gateway.drain();
      expect([...asked].filter((name) => name.startsWith("IDEMPOTENCY"))).toEqual(expected);
    }
  });

  it("are told of in the common ledger where they have none of their own, and nothing else moves", async () => {
    const { gateway, asked } = gatewayAt({ jurisdiction: "eu", own: [...OWN.lanes, ...OWN.bodies] });
    await send(gateway, "seattle", "bob");
    await gateway.drain();
    expect([...asked].sort()).toEqual(["LANE_NORMAL_EU", "METRICS", "TELEMETRY"]);
  });

  it.each([
    ["a lane", { LANE_LOW_EU: env.LANE_LOW }],
    ["a ledger without the queue before it", { LEDGER_EU: env.OTHER_LEDGER }],
    ["a telemetry queue without its ledger", { TELEMETRY_EU: env.TELEMETRY }],
  ])("are taken in by nobody while half of what is theirs is bound: %s", async (_, half) => {
    const source = defineSource({
      verify: stripe({ secrets: ["STRIPE_SECRET"] }),
      events: { paid },
      routes: () => [],
    });
    const gateway = wholeGateway({ sources: { shop: source } }, half);
    expect((await gateway.get("/readyz")).status).toBe(503);
  });

  it("are said at the start to pass through what is common, binding by binding", () => {
    const warned: unknown[] = [];
    const log = {
      ...createLogger("error"),
      warn: (event: string, fields: unknown) => void warned.push([event, fields]),
    };
    const source = (jurisdiction: "eu" | "none") =>
      defineSource({ jurisdiction, verify: stripe({ secrets: ["S"] }), events: { paid }, routes: () => [] });
    const warn = (jurisdiction: "eu" | "none", bound: readonly string[]) => {
      warnOfUncovered(
        { sources: new Map([["shop", source(jurisdiction)]]) },
        {
          binding: (name) => (bound.includes(name) ? env.LANE_LOW : undefined),
          hasLedger: () => bound.includes("LEDGER_EU"),
          log,
        },
      );
      return warned.splice(0);
    };
    expect(warn("none", [])).toEqual([]);
    expect(warn("eu", [...OWN.lanes, ...OWN.bodies, ...OWN.ledger])).toEqual([]);
    expect(warn("eu", OWN.lanes)).toEqual([
      ["jurisdiction_not_covered", { jurisdiction: "eu", missing: "PAYLOADS_EU LEDGER_EU TELEMETRY_EU" }],
    ]);
  });
});
