import { describe, expect, it } from "vitest";
import { completion, errorResponse, eventStream, fakeUpstream, finish } from "./models-fake-upstream.ts";
import { allEvents, gateway, HELLO, problemOf, streaming } from "./streaming-fake-gateway.ts";

describe("a call that fails before its first token", () => {
  const silent = () => new Promise<Response>(() => undefined);

  it.each([
    [
      "429 from the model",
      429,
      "model-rate-limited",
      "7",
      () => errorResponse(429, { message: "x" }, { "retry-after": "7" }),
    ],
    ["500 from the model", 503, "model-unavailable", "5", () => errorResponse(500, { message: "x" })],
    ["a bad key", 502, "model-failed", null, () => errorResponse(401, { message: "sk-secret" })],
    [
      "an empty account",
      502,
      "model-failed",
      null,
      () => errorResponse(429, { message: "x", code: "insufficient_quota" }),
    ],
    [
      "too long an input",
      422,
      "model-refused",
      null,
      () => errorResponse(400, { message: "x", code: "context_length_exceeded" }),
    ],
    [
      "a refusal",
      422,
      "model-refused",
      null,
      () => errorResponse(400, { message: "x", code: "content_filter" }),
    ],
    ["a cut stream", 503, "model-unavailable", "5", () => eventStream("")],
    ["silence", 503, "model-unavailable", "5", silent],
  ] as const)("is a problem document: %s", async (_, status, code, retryAfter, respond) => {
    const { post, settled } = gateway(fakeUpstream(respond), { model: { timeouts: { connectMs: 30 } } });
    const problem = await problemOf(await post(HELLO));
    expect(problem).toMatchObject({ status, retryAfter, type: `urn:sluice:problem:${code}` });
    expect(JSON.stringify(problem)).not.toContain("secret");
    expect(await settled()).toMatchObject({ reports: [{}], flushes: 1 });
  });

  it("an answer that is only its end is a stream, not a problem", async () => {
    const { post } = gateway(streaming(finish("content_filter")));
    expect((await allEvents(await post(HELLO))).at(-1)).toMatchObject({
      event: "done",
      data: { finishReason: "content-filter" },
    });
  });
});

describe("a request that is not let through", () => {
  it.each([
    ["requests", 429, "limit-reached"],
    ["tokens", 429, "limit-reached"],
    ["concurrency", 429, "limit-reached"],
    ["breaker", 503, "model-unavailable"],
    ["unreachable", 503, "model-unavailable"],
  ] as const)(
    "by the guard (%s) is told when to come back, and costs no call",
    async (reason, status, code) => {
      const upstream = streaming(completion(["ok"]));
      const denied = { kind: "denied", reason, retryAtMs: Date.now() + 8_900 } as const;
      const { post } = gateway(upstream, { denied });
      expect(await problemOf(await post(HELLO))).toMatchObject({
        status,
        retryAfter: "9",
        type: `urn:sluice:problem:${code}`,
      });
      expect(upstream.calls).toHaveLength(0);
    },
  );

  it.each([
    [400, "{not json"],
    [422, { model: "fast" }],
    [422, { model: "fast", input: "" }],
    [422, { model: "fast", messages: [] }],
    [422, { model: "fast", messages: [{ role: "tool", content: "x" }] }],
    [422, { model: "fast", input: "x", messages: [{ role: "user", content: "x" }] }],
    [422, { model: "fast", input: "x", temperature: 3 }],
    [404, { model: "unknown", input: "x" }],
    [413, { model: "fast", input: "x".repeat(1_100_000) }],
  ])("is refused with %i before the guard is asked", async (status, body) => {
    const { post, settled } = gateway(streaming(""));
    expect((await problemOf(await post(body))).status).toBe(status);
    expect((await settled()).asked).toHaveLength(0);
  });

  it("because its model has no key yet is told to come back", async () => {
    const { post } = gateway(streaming(""), { model: { apiKey: "UNSET_KEY" } });
    expect(await problemOf(await post(HELLO))).toMatchObject({ status: 503, retryAfter: "60" });
  });
});
