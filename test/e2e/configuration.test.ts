/** A secret or variable that is not set puts one part out of order, says which, and leaves all others alone. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  BEARER,
  deliveriesOf,
  effectOf,
  eventIn,
  getEvent,
  send,
  startGateway,
  type LocalGateway,
} from "../support/e2e-gateway.ts";
import { createSamples } from "../support/e2e-samples.ts";

const samples = createSamples(44);

let incomplete: LocalGateway;
let withoutModel: LocalGateway;
let withoutToken: LocalGateway;

beforeAll(async () => {
  [incomplete, withoutModel, withoutToken] = await Promise.all([
    startGateway({ vars: { STRIPE_WEBHOOK_SECRET: undefined, CRM_URL: undefined } }),
    startGateway({ vars: { MODEL_BASE_URL: undefined } }),
    startGateway({ vars: { SLUICE_API_TOKEN: undefined } }),
  ]);
});

afterAll(async () => {
  await Promise.all([incomplete, withoutModel, withoutToken].map((gateway) => gateway.close()));
});

async function ask(url: string, init: RequestInit = {}) {
  const response = await fetch(url, init);
  const body: unknown = await response.json();
  return { status: response.status, retryAfter: response.headers.get("retry-after"), body };
}

describe.concurrent("a source whose secret is not set", () => {
  it("answers 503 and asks the sender to come back, whether the request is genuine or not", async () => {
    const genuine = await send(incomplete, samples.stripe());
    const forged = await send(incomplete, samples.stripe(), {
      "stripe-signature": `t=1,v1=${"0".repeat(64)}`,
    });
    for (const answer of [genuine, forged]) {
      expect(answer.status).toBe(503);
      expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
      expect(JSON.parse(answer.text)).toMatchObject({ type: "urn:sluice:problem:source-not-configured" });
    }
    expect(genuine.text).not.toContain("STRIPE");
  });

  it("keeps no other source from working", async () => {
    for (const sample of [samples.github(), samples.media(), samples.document()]) {
      expect(await send(incomplete, sample)).toMatchObject({ status: 200 });
      await effectOf(incomplete, sample);
    }
  });
});

describe.concurrent("/readyz", () => {
  it("is 503 while something is missing, and names the part, the binding and the effect", async () => {
    expect(await ask(`${incomplete.url}/readyz`)).toMatchObject({
      status: 503,
      body: {
        status: "incomplete",
        missing: [
          {
            part: "sources.stripe",
            binding: "STRIPE_WEBHOOK_SECRET",
            effect: expect.stringContaining("/in/stripe"),
          },
          { part: "destinations.crm", binding: "CRM_URL" },
        ],
      },
    });
    expect(await ask(`${withoutModel.url}/readyz`)).toMatchObject({
      status: 503,
      body: {
        missing: [
          { part: "models.fast", binding: "MODEL_BASE_URL" },
          { part: "models.small", binding: "MODEL_BASE_URL" },
          { part: "models.chat", binding: "MODEL_BASE_URL" },
        ],
      },
    });
    expect(await ask(`${withoutToken.url}/readyz`)).toMatchObject({
      status: 503,
      body: { missing: [{ part: "api.tokens", binding: "SLUICE_API_TOKEN" }] },
    });
  });

  it("says nothing of health: /healthz is 200 all the while", async () => {
    for (const { url } of [incomplete, withoutModel, withoutToken]) {
      expect(await ask(`${url}/healthz`)).toMatchObject({ status: 200 });
    }
  });
});

describe.concurrent("an event that needs what is not set", () => {
  it("waits with its output stored, and uses up no retry, when it is a destination", async () => {
    const sample = samples.lead();
    const { id } = await send(incomplete, sample);
    const event = await eventIn(incomplete, id, "deferred");
    expect(event).toMatchObject({ attempts: 0, deliveryAttempts: 0, deliveries: [], failure: null });
    expect(event.output).toMatchObject({ type: "crm.lead_scored" });
    expect(event.timeline.at(-1)).toMatchObject({ detail: "destination_not_configured" });
    expect(deliveriesOf(incomplete, sample)).toEqual([]);
  });

  it("waits, and uses up no retry, when it is a model", async () => {
    const { id } = await send(withoutModel, samples.lead());
    const event = await eventIn(withoutModel, id, "deferred");
    expect(event).toMatchObject({ attempts: 0, output: null, failure: null });
    expect(event.timeline.at(-1)).toMatchObject({ detail: "model_not_configured" });
  });

  it("that needs no model is delivered without one", async () => {
    const sample = samples.stripe();
    await send(withoutModel, sample);
    await effectOf(withoutModel, sample);
  });

  it("is answered 503 at once when somebody waits for the stream", async () => {
    const answer = await ask(`${withoutModel.url}/v1/streams`, {
      method: "POST",
      headers: { ...BEARER, "content-type": "application/json" },
      body: JSON.stringify({ model: "fast", input: "Hello" }),
    });
    expect(answer).toMatchObject({ status: 503, retryAfter: expect.stringMatching(/^\d+$/) });
  });
});

describe.concurrent("an API without a token", () => {
  it("answers 503 to everybody, also with an empty or a local token", async () => {
    const { id } = await send(withoutToken, samples.stripe());
    for (const headers of [{}, BEARER, { authorization: "Bearer " }, { authorization: "Bearer undefined" }]) {
      const response = await getEvent(withoutToken, id, { ...headers });
      expect(response.status).toBe(503);
      expect(await response.json()).toMatchObject({ type: "urn:sluice:problem:api-not-configured" });
    }
    const streamed = await ask(`${withoutToken.url}/v1/streams`, { method: "POST", headers: BEARER });
    expect(streamed).toMatchObject({ status: 503, body: { type: "urn:sluice:problem:api-not-configured" } });
  });

  it("still takes events and delivers them", async () => {
    const sample = samples.lead();
    expect(await send(withoutToken, sample)).toMatchObject({ status: 200 });
    expect(await effectOf(withoutToken, sample)).toMatchObject({ signatureValid: true });
  });
});
