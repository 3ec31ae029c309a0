import { createExecutionContext, createMessageBatch, getQueueResult } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { createGateway } from "../../src/worker.ts";
import { defineGateway } from "../../src/index.ts";
import { SOME_MODELS } from "../support/some-models.ts";

const createEmptyGateway = () =>
  createGateway(defineGateway({ sources: {}, models: SOME_MODELS, destinations: {} }));

/** What a wrangler.toml without the low lane hands over. */
function incompleteEnv(): typeof env {
  return new Proxy(env, {
    get: (bindings, name) => (name === "LANE_LOW" ? undefined : Reflect.get(bindings, name)),
  });
}

describe("a Worker whose wrangler.toml lacks a lane", () => {
  it("answers 503 with a problem document, never a 500", async () => {
    const request = new Request("https://sluice.test/in/anything", { method: "POST" });
    const response = await createEmptyGateway().fetch(request, incompleteEnv(), createExecutionContext());
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ type: "urn:sluice:problem:misconfigured" });
  });

  it("gives every queue message back", async () => {
    const context = createExecutionContext();
    const message = { id: "m1", timestamp: 0, attempts: 1, body: {} };
    const batch = createMessageBatch("sluice-normal", [message]);
    await createEmptyGateway().queue(batch, incompleteEnv());
    expect((await getQueueResult(batch, context)).retryBatch.retry).toBe(true);
  });
});
