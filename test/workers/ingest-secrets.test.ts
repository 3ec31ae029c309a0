import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import * as z from "zod";
import { LIMITS, MIB } from "../../src/config/limits.ts";
import { parsePartitionName } from "../../src/core/ids.ts";
import { createSecretReader } from "../../src/platform/secrets.ts";
import { definePipeline, defineGateway, defineSource, github, stripe } from "../../src/index.ts";
import { answerSchema, wholeGateway } from "./whole-gateway.ts";
import {
  bytesOf,
  hex,
  hmac,
  NOW_MS,
  post,
  stripeHeader,
  testIngest,
  testPipeline,
} from "./ingest-support.ts";

const BODY = JSON.stringify({ id: "evt_1", type: "paid" });
const DAY_MS = 86_400_000;
const events = { "*": z.object({ id: z.string() }) };
const sourceOf = (secrets: Parameters<typeof stripe>[0]["secrets"]) =>
  defineSource({
    verify: stripe({ secrets }),
    events,
    routes: (route) => [route("*", testPipeline("any"))],
  });

async function statusWith(
  secrets: Parameters<typeof stripe>[0]["secrets"],
  values: Readonly<Record<string, string>>,
  signedWith: string,
): Promise<number> {
  const { ingest } = testIngest({ stripe: sourceOf(secrets) }, { secret: (name) => values[name] });
  const signature = await stripeHeader(BODY, { secret: signedWith });
  return (await ingest(post(BODY, { "stripe-signature": signature }), "stripe")).status;
}

describe("a secret with an end", () => {
  const values = { OLD: "old secret", NEW: "new secret" };
  const until = (endsAtMs: number) => ["NEW", { name: "OLD", until: endsAtMs }] as const;

  it("is good until then, and proves nothing from then on: rotation leaves no gap and ends by itself", async () => {
    expect(await statusWith(until(NOW_MS + 1), values, "old secret")).toBe(200);
    expect(await statusWith(until(NOW_MS), values, "old secret")).toBe(401);
    for (const endsAtMs of [NOW_MS + 1, NOW_MS]) {
      expect(await statusWith(until(endsAtMs), values, "new secret")).toBe(200);
    }
    const asText = [{ name: "OLD", until: new Date(NOW_MS + DAY_MS).toISOString() }];
    expect(await statusWith(asText, values, "old secret")).toBe(200);
  });

  it("is not missed once it has ended: a forgery is a forgery, whether or not it is still set", async () => {
    expect(await statusWith(until(NOW_MS), { NEW: "new secret" }, "forged")).toBe(401);
    expect(await statusWith(until(NOW_MS + 1), { NEW: "new secret" }, "forged")).toBe(503);
  });

  it("leaves a source that has no other not ready to receive, instead of open", async () => {
    expect(await statusWith([{ name: "OLD", until: NOW_MS }], values, "old secret")).toBe(503);
  });

  it("needs a time that is one", () => {
    const shop = sourceOf([{ name: "OLD", until: "next Tuesday" }]);
    const define = () => defineGateway({ sources: { shop }, models: {}, destinations: {} });
    expect(define).toThrow(/sources\.shop\.verify\.secrets: the end of "OLD" is no time/);
  });
});

describe("the Secrets Store", () => {
  /** A binding of the store whose answers are set by hand. */
  function store(first: string) {
    const state = { value: first, fails: false, asked: 0 };
    const get = async () => {
      state.asked++;
      if (state.fails) throw new Error("the store is down");
      return state.value;
    };
    return { state, secret: { get } };
  }
  function reader(bindings: Readonly<Record<string, unknown>>) {
    const clock = { nowMs: NOW_MS };
    const lines: string[] = [];
    const write = (event: string, fields?: object) => void lines.push(JSON.stringify({ event, ...fields }));
    const logger = { debug: write, info: write, warn: write, error: write, with: () => logger };
    const read = createSecretReader({ binding: (name) => bindings[name], nowMs: () => clock.nowMs, logger });
    return { clock, lines, read };
  }

  it("is asked once a minute, and by each request while nothing is known yet", async () => {
    const { state, secret } = store("one");
    const { clock, read } = reader({ SECRET: secret });
    expect(await Promise.all([read("SECRET"), read("SECRET"), read("SECRET")])).toEqual([
      "one",
      "one",
      "one",
    ]);
    // Each for itself: a sender that leaves would take a shared question along.
    expect(state.asked).toBe(3);
    state.value = "two";
    clock.nowMs += LIMITS.secrets.cacheMs - 1;
    expect(await read("SECRET")).toBe("one");
    clock.nowMs += 1;
    expect(await read("SECRET")).toBe("two");
    expect(state.asked).toBe(4);
  });

  it("that does not answer is not the gateway's outage: what it said last counts on, for a while", async () => {
    const { state, secret } = store("one");
    const { clock, lines, read } = reader({ SECRET: secret });
    await read("SECRET");
    state.fails = true;
    clock.nowMs += LIMITS.secrets.cacheMs;
    expect(await read("SECRET")).toBe("one");
    expect(await read("SECRET")).toBe("one");
    expect(state.asked).toBe(2);
    expect(lines).toEqual([
      JSON.stringify({ event: "secret_unreadable", binding: "SECRET", error: "the store is down" }),
    ]);
    clock.nowMs += LIMITS.secrets.maxStaleMs;
    expect(await read("SECRET")).toBeUndefined();
    state.fails = false;
    clock.nowMs += LIMITS.secrets.retryMs;
    expect(await read("SECRET")).toBe("one");
  });

  it("stands beside plain secrets, and what is neither is not set", async () => {
    const { secret } = store("stored");
    const { read } = reader({
      STORED: secret,
      PLAIN: "plain",
      EMPTY: "",
      BUCKET: env.PAYLOADS,
      QUEUE: env.LANE_LOW,
    });
    expect(await read("STORED")).toBe("stored");
    expect([read("PLAIN"), read("EMPTY"), read("BUCKET"), read("QUEUE"), read("ABSENT")]).toEqual([
      "plain",
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });

  it("proves requests like any other secret; one it does not have leaves the source not ready", async () => {
    const { state, secret } = store("whsec_of_the_store");
    const gateway = wholeGateway({ sources: { shop: sourceOf(["STORED"]) } }, { STORED: secret });
    const ready = await gateway.get("/readyz");
    expect(JSON.stringify(await ready.json())).not.toContain("sources.shop");
    const seconds = Math.floor(Date.now() / 1_000);
    const headers = {
      "content-type": "application/json",
      "stripe-signature": await stripeHeader(BODY, { secret: "whsec_of_the_store", seconds }),
    };
    expect((await gateway.post("shop", { body: BODY, headers })).status).toBe(200);
    state.fails = true;
    const without = wholeGateway({ sources: { shop: sourceOf(["STORED"]) } }, { STORED: secret });
    expect((await without.post("shop", { body: BODY, headers })).status).toBe(503);
  });
});

describe("secrets and signatures", () => {
  afterEach(() => void vi.restoreAllMocks());

  it("are in nothing that is logged, answered or stored", async () => {
    const written: string[] = [];
    for (const level of ["log", "warn", "error", "info", "debug"] as const) {
      vi.spyOn(console, level).mockImplementation(
        (...parts) => void written.push(parts.map(String).join(" ")),
      );
    }
    const secrets = {
      STRIPE_SECRET: "whsec_never_to_be_seen_again",
      GITHUB_SECRET: "a-phrase-never-to-be-seen",
    };
    const pipeline = definePipeline({
      name: "kept",
      input: z.looseObject({ id: z.string() }),
      format: ({ input }) => ({ body: { id: input.id } }),
      deliver: ["out"],
    });
    const options = { events, maxBodyBytes: 2 * MIB, routes: () => [] };
    const sources = {
      shop: defineSource({
        ...options,
        verify: stripe({ secrets: ["STRIPE_SECRET"] }),
        partitionBy: () => "customer",
        routes: (route) => [route("*", pipeline)],
      }),
      code: defineSource({
        ...options,
        verify: github({ secrets: ["GITHUB_SECRET"] }),
        filter: () => {
          throw new Error("quarantine");
        },
      }),
    };
    const gateway = wholeGateway({ sources }, { ...secrets, LOG_LEVEL: "debug" });
    const seconds = Math.floor(Date.now() / 1_000);
    const large = JSON.stringify({ id: "evt_large", type: "paid", filler: "x".repeat(200_000) });
    const signatures: string[] = [];
    const queued: string[] = [];
    for (const body of [BODY, large]) {
      const signature = await stripeHeader(body, { secret: secrets.STRIPE_SECRET, seconds });
      signatures.push(signature.slice(-64));
      const headers = {
        "content-type": "application/json",
        "stripe-signature": signature,
        authorization: signature,
      };
      for (const forged of [headers, { ...headers, "stripe-signature": signature.replace("v1=", "v1=0") }]) {
        const response = await gateway.post("shop", { body, headers: forged });
        const text = await response.text();
        written.push(text, JSON.stringify([...response.headers]));
        if (response.ok) queued.push(answerSchema.parse(JSON.parse(text)).id ?? "");
      }
    }
    const digest = hex(await hmac("SHA-256", bytesOf(secrets.GITHUB_SECRET), BODY));
    signatures.push(digest);
    const headers = {
      "content-type": "application/json",
      "x-hub-signature-256": `sha256=${digest}`,
      "x-github-event": "push",
      "x-github-delivery": "d1",
    };
    const quarantined = await gateway.post("code", { body: BODY, headers });
    queued.push(answerSchema.parse(await quarantined.json()).id ?? "");
    written.push(JSON.stringify(gateway.queues.lanes));
    await gateway.drain();
    written.push(
      JSON.stringify(gateway.queues),
      await everythingStored(queued.map((id) => id.split("_").slice(1, 3).join("_"))),
    );
    for (const id of queued) written.push(JSON.stringify(await gateway.event(id)));

    const text = written.join("\n");
    // What must be there is: the search looks in the right places.
    for (const expected of ["evt_large", "evt_1", '"event":"ingest"', "signature_malformed", ...queued]) {
      expect(text).toContain(expected);
    }
    for (const hidden of [...Object.values(secrets), ...signatures]) expect(text).not.toContain(hidden);
  });
});

/** All of R2, KV and D1, and the tables of these partitions. */
async function everythingStored(partitions: readonly string[]): Promise<string> {
  const found: unknown[] = [];
  for (const { key } of (await env.PAYLOADS.list()).objects) {
    found.push(key, await (await env.PAYLOADS.get(key))?.text());
  }
  found.push((await env.RESULTS.list()).keys);
  const tables = await env.LEDGER.prepare("SELECT sql FROM sqlite_master").all();
  found.push(tables.results);
  for (const text of new Set(partitions)) {
    const name = parsePartitionName(text);
    if (!name.ok) throw new Error(text);
    const stub = env.PARTITION.get(env.PARTITION.idFromName(name.value));
    found.push(
      await runInDurableObject(stub, (_, state) => {
        const { sql } = state.storage;
        const named = sql
          .exec<{ name: string }>("SELECT name FROM sqlite_master WHERE type = 'table'")
          .toArray();
        return named
          .filter((table) => !table.name.startsWith("_cf"))
          .map((table) => sql.exec(`SELECT * FROM "${table.name}"`).toArray());
      }),
    );
  }
  return JSON.stringify(found);
}
