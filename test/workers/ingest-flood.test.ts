import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../src/config/limits.ts";
import { defineSource } from "../../src/config/define-source.ts";
import { createFloodLimit, floodKey } from "../../src/ingest/flood.ts";
import { meta } from "../../src/ingest/senders/chat.ts";
import { stripe } from "../../src/ingest/senders/payments.ts";
import { charge, post, stripeRequest, testIngest, testPipeline } from "./ingest-support.ts";

const source = defineSource({
  verify: stripe({ secrets: ["STRIPE_SECRET"] }),
  events: { "*": charge },
  maxBodyBytes: 1_000,
  routes: (route) => [route("*", testPipeline("any"))],
});
const withHandshake = defineSource({
  verify: meta({ secrets: ["STRIPE_SECRET"], verifyTokens: ["GITHUB_SECRET"] }),
  events: {},
  routes: () => [],
});
const BODY = JSON.stringify({ id: "evt_1", type: "t", customer: null, amount: 1 });

function from(address: string | null): Headers {
  return new Headers(address === null ? {} : { "cf-connecting-ip": address });
}

/** An ingest whose limiter lets `allowed` requests of each key through. */
function limitedIngest(allowed: number) {
  const asked: string[] = [];
  const admit = async (key: string) => {
    asked.push(key);
    return asked.filter((other) => other === key).length <= allowed;
  };
  return { ...testIngest({ stripe: source, meta: withHandshake }, { admit }), asked };
}

describe("who is one caller", () => {
  it("a source's callers are told apart by address, and sources from each other", () => {
    const keys = [
      floodKey("stripe", from("203.0.113.7")),
      floodKey("stripe", from("203.0.113.8")),
      floodKey("github", from("203.0.113.7")),
      floodKey("stripe", from(null)),
    ];
    expect(new Set(keys).size).toBe(keys.length);
  });

  it.each([
    ["2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff"],
    ["2001:DB8::1", "2001:db8:0:0:1:2:3:4"],
    ["::1", "::ffff"],
    ["::ffff:203.0.113.7", "203.0.113.7"],
    ["2001:0db8:0001:0002::", "2001:db8:1:2:3::"],
  ])("a whole IPv6 network is one caller: %s and %s", (one, other) => {
    expect(floodKey("s", from(one))).toBe(floodKey("s", from(other)));
  });

  it.each([
    ["2001:db8:1:2::1", "2001:db8:1:3::1"],
    ["2001:db8::1", "2001:db8:0:1::1"],
    ["::1", "1::1"],
    ["::ffff:203.0.113.7", "::ffff:203.0.113.8"],
  ])("two IPv6 networks are two: %s and %s", (one, other) => {
    expect(floodKey("s", from(one))).not.toBe(floodKey("s", from(other)));
  });
});

describe("a flood of forgeries", () => {
  it("shuts out the address it comes from, and nobody else", async () => {
    const { ingest, appended } = limitedIngest(3);
    const forged = (address: string) =>
      post(BODY, { "stripe-signature": `t=1,v1=${"0".repeat(64)}`, "cf-connecting-ip": address });
    const statuses: number[] = [];
    for (let at = 0; at < 5; at++) statuses.push((await ingest(forged("198.51.100.1"), "stripe")).status);
    expect(statuses).toEqual([401, 401, 401, 429, 429]);
    const genuine = await stripeRequest(BODY, { "cf-connecting-ip": "203.0.113.7" });
    expect((await ingest(genuine, "stripe")).status).toBe(200);
    // The price, as documented: a genuine request from the flooding address waits with it.
    const beside = await stripeRequest(BODY, { "cf-connecting-ip": "198.51.100.1" });
    const refused = await ingest(beside, "stripe");
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([
      429,
      String(LIMITS.ingest.floodRetryAfterSeconds),
    ]);
    expect(await refused.json()).toMatchObject({ type: "urn:sluice:problem:rate-limited" });
    expect(appended).toHaveLength(1);
  });

  it("without signatures is refused for its head alone, and counts against nobody", async () => {
    const { ingest, asked } = limitedIngest(1);
    const signed = { "stripe-signature": "t=1,v1=0" };
    const tooMany = Object.fromEntries(
      Array.from({ length: LIMITS.ingest.maxHeaders + 1 }, (_, at) => [`x-filler-${at}`, "1"]),
    );
    const tooLarge = { "x-filler": "x".repeat(LIMITS.ingest.maxHeaderBytes) };
    const answers = [
      [await ingest(post(BODY, {}), "stripe"), 401, "unauthorized"],
      [await ingest(post(BODY, signed), "nobody"), 404, "unknown-source"],
      [
        await ingest(new Request("https://sluice.test", { method: "PUT" }), "stripe"),
        405,
        "method-not-allowed",
      ],
      [await ingest(post(BODY, { ...signed, ...tooMany }), "stripe"), 431, "headers-too-large"],
      [await ingest(post(BODY, { ...signed, ...tooLarge }), "stripe"), 431, "headers-too-large"],
      [await ingest(post(BODY, { ...signed, "content-length": "1001" }), "stripe"), 413, "body-too-large"],
    ] as const;
    for (const [response, status, code] of answers) {
      expect(response.status).toBe(status);
      expect(await response.json()).toMatchObject({ type: `urn:sluice:problem:${code}`, status });
    }
    expect(asked).toEqual([]);
  });

  it("of set-up requests is limited as well", async () => {
    const { ingest } = limitedIngest(1);
    const guess = () => new Request("https://sluice.test/in/meta?hub.mode=subscribe&hub.verify_token=guess");
    expect((await ingest(guess(), "meta")).status).toBe(403);
    expect((await ingest(guess(), "meta")).status).toBe(429);
  });
});

describe("the binding", () => {
  it("of wrangler.toml is asked, and counts each key by itself", async () => {
    const admit = createFloodLimit(Reflect.get(env, "INGEST_LIMIT"));
    expect(await admit?.("stripe 203.0.113.7")).toBe(true);
  });

  it("that is absent limits nothing", () => {
    expect(createFloodLimit(undefined)).toBeUndefined();
    expect(createFloodLimit("a variable")).toBeUndefined();
  });
});
