import { describe, expect, it } from "vitest";
import { seededRandom } from "../../dev/lib/random.ts";
import { makeCustomers } from "../../dev/senders/customers.ts";
import { githubExamples } from "../../dev/senders/github.ts";
import { buildMalformedEnquiry } from "../../dev/senders/leads.ts";
import { buildMixedSamples, type MixedOptions } from "../../dev/senders/mixed.ts";
import { DEMO_SECRETS, forge, signSample, type Sample } from "../../dev/senders/sample.ts";
import { signGithub, signStandardWebhooks, signStripe } from "../../dev/senders/sign.ts";
import { buildStripeSample, STRIPE_TYPES } from "../../dev/senders/stripe.ts";

const MIXED: MixedOptions = { seed: 11, count: 200, customers: 6, startSeconds: 1_790_000_000 };

describe("signers", () => {
  it("sign as GitHub documents it", () => {
    const headers = signGithub("Hello, World!", "It's a Secret to Everybody");
    expect(headers["x-hub-signature-256"]).toBe(
      "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
    );
  });

  it("sign as the Standard Webhooks libraries do, by their published vector", () => {
    const headers = signStandardWebhooks(
      "msg_p5jXN8AQM9LWM0D4loKWxJek",
      '{"test": 2432232314}',
      "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
      1_614_265_330,
    );
    expect(headers).toEqual({
      "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
      "webhook-timestamp": "1614265330",
      "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    });
  });

  it("sign as Stripe documents it: time, a full stop, the body; by `openssl dgst -sha256 -hmac`", () => {
    expect(signStripe('{"id":"evt_test"}', "whsec_test_secret", 1_492_774_577)).toEqual({
      "stripe-signature": "t=1492774577,v1=22f7d74836ddad3284a2b80853dd2fe731655c1bfddcff3c3666a500cf3abd80",
    });
  });

  it("sign bytes and text alike", () => {
    const body = '{"name":"Zoë"}';
    expect(signGithub(Buffer.from(body), "secret")).toEqual(signGithub(body, "secret"));
    expect(signStripe(Buffer.from(body), "whsec_x", 1)).toEqual(signStripe(body, "whsec_x", 1));
  });
});

describe("sample events", () => {
  it("are the same for the same seed and others for another", () => {
    expect(buildMixedSamples(MIXED)).toEqual(buildMixedSamples(MIXED));
    expect(buildMixedSamples({ ...MIXED, seed: 12 })).not.toEqual(buildMixedSamples(MIXED));
  });

  it("never repeat an id or a body, so that only a wanted duplicate is one", () => {
    const samples = buildMixedSamples({ ...MIXED, count: 1_000 });
    expect(new Set(samples.map((sample) => sample.id)).size).toBe(1_000);
    expect(new Set(samples.map((sample) => JSON.stringify(sample.payload))).size).toBe(1_000);
  });

  it("cover every sender, several types each and several customers", () => {
    const samples = buildMixedSamples(MIXED);
    const typesOf = (sender: Sample["sender"]): number =>
      new Set(samples.filter((sample) => sample.sender === sender).map((sample) => sample.type)).size;
    expect([typesOf("stripe"), typesOf("github"), typesOf("media")]).toEqual([5, 4, 3]);
    expect([typesOf("leads"), typesOf("documents")]).toEqual([1, 1]);
    const customers = new Set(
      samples.filter((sample) => sample.sender === "documents").map((sample) => sample.customer),
    );
    expect(customers.size).toBeGreaterThanOrEqual(4);
  });

  it("name in the payload the customer they are said to be about", () => {
    for (const sample of buildMixedSamples(MIXED)) {
      if (sample.customer !== null) expect(JSON.stringify(sample.payload)).toContain(`"${sample.customer}"`);
    }
  });

  it("have Stripe's envelope and the object of their type", () => {
    const random = seededRandom(1);
    const [customer] = makeCustomers(random, 1);
    if (customer === undefined) throw new Error("one customer was asked for");
    const objects = STRIPE_TYPES.map((type) => {
      const sample = buildStripeSample(random, { type, customer, createdSeconds: 1_790_000_000 });
      expect(sample.payload).toMatchObject({
        object: "event",
        type,
        created: 1_790_000_000,
        livemode: false,
      });
      expect(sample.id).toMatch(/^evt_/);
      return sample.payload["data"];
    });
    expect(objects).toMatchObject([
      { object: { object: "payment_intent", status: "succeeded", customer: customer.id } },
      {
        object: {
          object: "payment_intent",
          status: "requires_payment_method",
          last_payment_error: { type: "card_error" },
        },
      },
      { object: { object: "invoice", status: "paid", amount_remaining: 0, customer: customer.id } },
      { object: { object: "subscription", customer: customer.id } },
      { object: { object: "dispute", status: "needs_response" } },
    ]);
  });

  it("take GitHub's payloads from the collection, by event and action", () => {
    expect(githubExamples("issues.opened").length).toBeGreaterThan(0);
    for (const example of githubExamples("pull_request.opened")) expect(example["action"]).toBe("opened");
    expect(githubExamples("no_such_event")).toEqual([]);
  });
});

describe("signed requests", () => {
  it("carry each sender's headers", () => {
    for (const sample of buildMixedSamples(MIXED)) {
      const { headers } = signSample(sample, DEMO_SECRETS, 1_790_000_000);
      const names = Object.keys(headers);
      if (sample.sender === "stripe") expect(names).toContain("stripe-signature");
      else if (sample.sender === "github") {
        expect(headers["x-github-delivery"]).toBe(sample.id);
        expect(sample.type.startsWith(headers["x-github-event"] ?? "none")).toBe(true);
        expect(names).toContain("x-hub-signature-256");
      } else expect(headers["webhook-id"]).toBe(sample.id);
    }
  });

  it("that are forged have another body under the same signature, and still parse", () => {
    const [sample] = buildMixedSamples(MIXED);
    if (sample === undefined) throw new Error("samples were asked for");
    const request = signSample(sample, DEMO_SECRETS, 1_790_000_000);
    const forged = forge(request);
    expect(forged.headers).toEqual(request.headers);
    expect(forged.body).not.toBe(request.body);
    expect(JSON.parse(forged.body)).toEqual(sample.payload);
  });

  it("can be signed well and wrong inside", () => {
    const random = seededRandom(5);
    const [customer] = makeCustomers(random, 1);
    if (customer === undefined) throw new Error("one customer was asked for");
    const sample = buildMalformedEnquiry(random, { customer, createdSeconds: 1_790_000_000 });
    expect(sample.payload["data"]).not.toHaveProperty("message");
  });
});
