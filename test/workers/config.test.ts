import * as z from "zod";
import { describe, expect, expectTypeOf, it } from "vitest";
import {
  defineGateway,
  definePipeline,
  defineSource,
  httpDestination,
  PermanentError,
  queueDestination,
  openaiCompatible,
  stripe,
  type GatewayOptions,
} from "../../src/index.ts";

const order = z.object({ orderId: z.string(), total: z.coerce.number() });

const scoring = definePipeline({
  name: "scoring",
  input: order,
  infer: {
    model: "fast",
    promptVersion: "1",
    output: z.object({ risk: z.number() }),
    prompt: ({ orderId }) => ({ instruction: "Rate the risk.", data: { order: orderId } }),
  },
  format: ({ input, output }) => ({ body: { order: input.orderId, risk: output.risk } }),
  deliver: ["shop"],
});

const shopSource = defineSource({
  verify: stripe({ secrets: ["SHOP_SECRET"] }),
  events: { "order.created": order, "order.noted": z.object({ note: z.string() }) },
  partitionBy: ({ payload }) => ("orderId" in payload ? payload.orderId : null),
  routes: (route) => [route("order.created", scoring, { when: ({ payload }) => payload.total > 10 })],
});

function options(change: Partial<GatewayOptions> = {}): GatewayOptions {
  return {
    sources: { shop: shopSource },
    models: { fast: openaiCompatible({ baseUrl: "https://models.example/v1", model: "small" }) },
    destinations: { shop: httpDestination({ url: "https://shop.example/hook", secret: "DELIVERY_SECRET" }) },
    ...change,
  };
}

describe("the config's types", () => {
  it("flow from a source's schema into its functions, its routes and the pipeline's stages", () => {
    defineSource({
      verify: stripe({ secrets: ["SHOP_SECRET"] }),
      events: { "order.created": order },
      partitionBy: ({ payload }) => {
        expectTypeOf(payload).toEqualTypeOf<{ orderId: string; total: number }>();
        return payload.orderId;
      },
      routes: (route) => [
        route("order.created", scoring, {
          when: ({ payload }) => {
            expectTypeOf(payload.total).toEqualTypeOf<number>();
            return true;
          },
        }),
        // @ts-expect-error the source declares no such event type
        route("order.lost", scoring),
      ],
    });
    definePipeline({
      name: "typed",
      input: order,
      enrich: ({ total }) => Promise.resolve({ cents: total * 100 }),
      infer: {
        model: "fast",
        promptVersion: "1",
        output: z.object({ label: z.enum(["a", "b"]) }),
        prompt: ({ cents }) => ({ instruction: "Label it.", data: { cents: String(cents) } }),
      },
      format: ({ input, output }) => {
        expectTypeOf(input).toEqualTypeOf<{ cents: number }>();
        expectTypeOf(output.label).toEqualTypeOf<"a" | "b">();
        return { body: null };
      },
      deliver: [],
    });
  });

  it("refuse a pipeline whose input the source does not provide", () => {
    defineSource({
      verify: stripe({ secrets: ["SHOP_SECRET"] }),
      events: { "order.noted": z.object({ note: z.string() }) },
      // @ts-expect-error a note is no order
      routes: (route) => [route("order.noted", scoring)],
    });
  });
});

describe("a wrong config fails with one message that names the key and the mend", () => {
  it("a correct one passes and finds its pipelines by their routes", () => {
    expect([...defineGateway(options()).pipelines.keys()]).toEqual(["scoring"]);
  });

  it("an unknown model", () => {
    expect(() => defineGateway(options({ models: {} }))).toThrow(
      /pipelines\.scoring\.infer\.model: no model is called "fast"\. Add it to models/,
    );
  });

  it("an unknown destination", () => {
    expect(() => defineGateway(options({ destinations: {} }))).toThrow(
      /pipelines\.scoring\.deliver: no destination is called "shop"/,
    );
  });

  it("two pipelines of one name", () => {
    const second = definePipeline({
      name: "scoring",
      input: order,
      format: () => ({ body: null }),
      deliver: [],
    });
    expect(() => defineGateway(options({ pipelines: [second] }))).toThrow(
      /pipelines\.scoring: two pipelines have this name\. Rename one/,
    );
  });

  it("a malformed name", () => {
    expect(() => defineGateway(options({ sources: { "My Shop": shopSource } }))).toThrow(
      /sources\.My Shop: is not a usable name\. Use lower-case letters/,
    );
  });

  it("a secret where the name of a binding belongs, without repeating it", () => {
    const leaking = defineSource({
      verify: { ...shopSource.verify, secrets: ["whsec_5f4dcc3b5aa765d6"] },
      events: {},
      routes: () => [],
    });
    const define = () => defineGateway(options({ sources: { leaking } }));
    expect(define).toThrow(/sources\.leaking\.verify\.secrets: .* never write a secret here/);
    expect(define).not.toThrow(/5f4dcc3b/);
  });

  it.each([
    [
      { requestsPerMinute: 0 },
      /models\.fast\.limits\.requestsPerMinute: 0 is not a whole number of at least 1/,
    ],
    [{ tokensPerMinute: 1.5 }, /limits\.tokensPerMinute: 1\.5 is not/],
    [{ maxConcurrent: -1 }, /limits\.maxConcurrent: -1 is not/],
    [{ shards: 0.5 }, /limits\.shards: 0\.5 is not/],
    [{ slowMs: 0 }, /limits\.slowMs: 0 is not a time/],
  ])("says which limit no guard could take: %j", (limits, message) => {
    const fast = openaiCompatible({ baseUrl: "https://models.example/v1", model: "small", limits });
    expect(() => defineGateway(options({ models: { fast } }))).toThrow(message);
  });

  it.each([
    [
      { url: "crm.example.com/hook", secret: "S" },
      /destinations\.shop\.url: is not a URL\. Use a whole address/,
    ],
    [{ url: "ftp://crm.example.com", secret: "S" }, /destinations\.shop\.url: is neither https nor http/],
    [
      { url: "http://crm.example.com", secret: "S" },
      /destinations\.shop\.url: is plain http to another machine/,
    ],
    [{ url: { variable: "" }, secret: "S" }, /destinations\.shop\.url: holds something that is not the name/],
    [
      { url: "https://crm.example.com", secret: "" },
      /destinations\.shop\.secret: holds something that is not/,
    ],
    [{ url: "https://crm.example.com", secret: "S", timeoutMs: -1 }, /shop\.timeoutMs: -1 is not a time/],
  ])("a destination that cannot be called: %j", (shop, message) => {
    expect(() => defineGateway(options({ destinations: { shop: httpDestination(shop) } }))).toThrow(message);
  });

  it.each([
    [
      { destinations: { shop: queueDestination({ binding: "" }) } },
      /destinations\.shop\.binding: holds something/,
    ],
    [
      { models: { fast: openaiCompatible({ baseUrl: { variable: "x y" }, model: "m" }) } },
      /models\.fast\.baseUrl: holds something that is not the name of a binding/,
    ],
    [
      {
        models: {
          fast: openaiCompatible({ baseUrl: "https://m.example/v1", model: "m", apiKey: "sk-live" }),
        },
      },
      /models\.fast\.apiKey: .* never write a secret here/,
    ],
    [{ traces: { endpoint: "otlp.example.com/v1/traces" } }, /traces\.endpoint: is not a URL/],
    [
      { alerts: { webhooks: [{ format: "standard" as const, url: "hooks", secret: "S" }] } },
      /alerts\.webhooks\[0\]\.url: is not a URL/,
    ],
  ])("an address or a binding that cannot be: %j", (change, message) => {
    expect(() => defineGateway(options(change))).toThrow(message);
  });

  it.each([0, 6, 1.5])("a lookahead of %d, which no driver could use", (lookahead) => {
    const eager = { ...shopSource, policy: { lookahead } };
    expect(() => defineGateway(options({ sources: { eager } }))).toThrow(
      /sources\.eager\.policy\.lookahead: .* is out of range\. Use a whole number from 1 to 5/,
    );
  });

  it("takes a permanent error's arguments the right way round, whichever way they were written", () => {
    for (const error of [
      new PermanentError("There is no such customer", "customer_unknown"),
      new PermanentError("customer_unknown", "There is no such customer"),
    ]) {
      expect([error.code, error.message]).toEqual(["customer_unknown", "There is no such customer"]);
    }
  });

  it("a mode of the idempotency cache that there is not", () => {
    const typo = { ...shopSource, idempotency: JSON.parse('"result"') };
    expect(() => defineGateway(options({ sources: { typo } }))).toThrow(
      /sources\.typo\.idempotency: there is no mode "result"\. Use "results", "duplicates" or "off"/,
    );
  });

  it("a lease that no delivery could start under", () => {
    const short = defineSource({
      verify: shopSource.verify,
      events: {},
      policy: { leaseMs: 5_000 },
      routes: () => [],
    });
    expect(() => defineGateway(options({ sources: { short } }))).toThrow(
      /sources\.short\.policy\.leaseMs: 5000 ms is too short\. Use at least/,
    );
  });
});
