import { createExecutionContext, createMessageBatch, getQueueResult } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { createGateway } from "../../src/gateway.ts";
import { defineGateway } from "../../src/sluice.ts";

const gateway = createGateway(defineGateway({ sources: {}, models: {}, destinations: {} }));

/** The env without one of its lanes. */
const { LANE_LOW: _, ...withoutLow } = env;
const incomplete = withoutLow as typeof env; // what a wrangler.toml without the binding hands over

describe("a Worker whose wrangler.toml lacks a lane", () => {
  it("answers 503 with a problem document, never a 500", async () => {
    const request = new Request("https://sluice.test/in/anything", { method: "POST" });
    const response = await gateway.fetch(request, incomplete, createExecutionContext());
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ type: "urn:sluice:problem:misconfigured" });
  });

  it("gives every queue message back", async () => {
    const context = createExecutionContext();
    const message = { id: "m1", timestamp: 0, attempts: 1, body: {} };
    const batch = createMessageBatch("sluice-normal", [message]);
    await gateway.queue(batch, incomplete);
    expect((await getQueueResult(batch, context)).retryBatch.retry).toBe(true);
  });
});
