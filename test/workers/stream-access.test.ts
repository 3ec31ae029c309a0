import { createExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import OpenAI from "openai";
import * as z from "zod";
import { describe, expect, it } from "vitest";
import { createGateway } from "../../src/worker.ts";
import { defineGateway, openaiCompatible } from "../../src/index.ts";
import { newStreamId } from "../../src/streaming/stub.ts";
import { createStreamTokens } from "../../src/streaming/tokens.ts";
import { SOME_MODELS } from "../support/some-models.ts";

const API_TOKEN = "api-token";
const ORIGIN = "https://app.example.com";

function gateway(corsOrigins: readonly string[] = [], bindings: Readonly<Record<string, string>> = {}) {
  const config = defineGateway({ sources: {}, models: SOME_MODELS, destinations: {}, api: { corsOrigins } });
  const values: Readonly<Record<string, string>> = { SLUICE_API_TOKEN: API_TOKEN, ...bindings };
  const withSecrets = new Proxy(env, {
    get: (target, name) => (typeof name === "string" ? values[name] : undefined) ?? Reflect.get(target, name),
  });
  const worker = createGateway(config);
  return (path: string, init: RequestInit = {}) =>
    worker.fetch(new Request(`https://sluice.test${path}`, init), withSecrets, createExecutionContext());
}

const mint = (id: string, right: "read" | "stop", secret = API_TOKEN) =>
  createStreamTokens({ values: () => [secret] }).mint(id, right, Date.now() + 60_000);

/** The names of those that the official client puts on a call, and that a browser asks leave for. */
async function headersOfOpenAiClient(): Promise<string[]> {
  let sent = new Headers();
  const client = new OpenAI({
    apiKey: API_TOKEN,
    organization: "org",
    project: "proj",
    dangerouslyAllowBrowser: true,
    fetch: async (_, init) => {
      sent = new Headers(init?.headers);
      return Response.json({});
    },
  });
  await client.chat.completions.create({ model: "m", messages: [] });
  return [...sent.keys()].filter((name) => name !== "accept" && name !== "content-length");
}

describe("a page of another origin", () => {
  const preflight: RequestInit = {
    method: "OPTIONS",
    headers: {
      origin: ORIGIN,
      "access-control-request-method": "POST",
      "access-control-request-headers": "authorization,last-event-id",
    },
  };

  it.each(["/v1/streams", `/v1/streams/${newStreamId()}`, "/v1/chat/completions"])(
    "that the config names may use %s, and read its errors",
    async (path) => {
      const ask = gateway([ORIGIN]);
      const answer = await ask(path, preflight);
      expect(answer.status).toBe(204);
      expect(answer.headers.get("access-control-allow-origin")).toBe(ORIGIN);
      expect(answer.headers.get("access-control-allow-headers")).toContain("last-event-id");
      const refused = await ask(path, { method: "POST", headers: { origin: ORIGIN }, body: "{}" });
      expect(refused.status).toBe(401);
      expect(refused.headers.get("access-control-allow-origin")).toBe(ORIGIN);
    },
  );

  it("may send every header of OpenAI's own client, and is told once what the answer depends on", async () => {
    const ask = gateway([ORIGIN]);
    for (const path of ["/v1/streams", "/v1/chat/completions"]) {
      const answer = await ask(path, preflight);
      const allowed = answer.headers.get("access-control-allow-headers")?.toLowerCase().split(",") ?? [];
      expect(allowed).toEqual(expect.arrayContaining(await headersOfOpenAiClient()));
      const refused = await ask(path, { method: "POST", headers: { origin: ORIGIN }, body: "{}" });
      expect(refused.headers.get("vary")).toBe("Origin");
    }
  });

  it("that the config does not name may not", async () => {
    for (const origins of [[], ["https://other.example.com"]]) {
      const answer = await gateway(origins)("/v1/streams", preflight);
      expect(answer.headers.get("access-control-allow-origin")).toBeNull();
    }
  });

  it("may never use the rest of the API", async () => {
    const answer = await gateway([ORIGIN])("/v1/events/evt_1", preflight);
    expect(answer.headers.get("access-control-allow-origin")).toBeNull();
  });

  it.each(["app.example.com", "https://app.example.com/", "https://app.example.com/path"])(
    "is named by its origin alone, not as %s",
    (origin) => {
      expect(() => gateway([origin])).toThrow(/api\.corsOrigins/);
    },
  );
});

describe("a stream's address", () => {
  const started = async (publicOrigin?: string) => {
    const config = defineGateway({
      sources: {},
      models: { fast: openaiCompatible({ baseUrl: "https://model.test/v1", model: "m" }) },
      destinations: {},
      api: publicOrigin === undefined ? {} : { publicOrigin },
    });
    const withSecrets = new Proxy(env, {
      get: (bindings, name) => (name === "SLUICE_API_TOKEN" ? API_TOKEN : Reflect.get(bindings, name)),
    });
    const request = new Request("https://forged.example/v1/streams", {
      method: "POST",
      headers: { authorization: `Bearer ${API_TOKEN}` },
      body: JSON.stringify({ model: "fast", input: "hello" }),
    });
    const answer = await createGateway(config).fetch(request, withSecrets, createExecutionContext());
    return z.object({ url: z.string() }).parse(await answer.json()).url;
  };

  it("begins with the public origin of the config, whatever host the request names", async () => {
    expect(await started("https://gateway.example.com")).toMatch(
      /^https:\/\/gateway\.example\.com\/v1\/streams\//,
    );
    expect(await started()).toMatch(/^https:\/\/forged\.example\//);
    expect(() =>
      defineGateway({ sources: {}, models: SOME_MODELS, destinations: {}, api: { publicOrigin: "*" } }),
    ).toThrow(/api\.publicOrigin/);
  });
});

describe("a stream's token", () => {
  it("is enough to look, in the URL or as a bearer, and no use for anything else", async () => {
    const ask = gateway();
    const id = newStreamId();
    const token = await mint(id, "read");
    const bearer = { headers: { authorization: `Bearer ${token}` } };
    // Let in: there is just no such stream.
    expect((await ask(`/v1/streams/${id}?token=${token}`)).status).toBe(404);
    expect((await ask(`/v1/streams/${id}/stream?token=${token}`)).status).toBe(404);
    expect((await ask(`/v1/streams/${id}`, bearer)).status).toBe(404);
    expect((await ask(`/v1/streams/${newStreamId()}`, bearer)).status).toBe(401);
    expect((await ask(`/v1/streams/${id}`, { ...bearer, method: "DELETE" })).status).toBe(403);
    for (const path of ["/v1/streams", "/v1/chat/completions"]) {
      expect((await ask(path, { ...bearer, method: "POST", body: "{}" })).status).toBe(401);
      expect((await ask(`${path}?token=${token}`, { method: "POST", body: "{}" })).status).toBe(401);
    }
  });

  it("signed for stopping may stop as well as look", async () => {
    const id = newStreamId();
    const path = `/v1/streams/${id}?token=${await mint(id, "stop")}`;
    expect((await gateway()(path, { method: "DELETE" })).status).toBe(404);
    expect((await gateway()(path)).status).toBe(404);
  });

  it("is signed with a secret of its own, where one is set", async () => {
    const id = newStreamId();
    const ask = gateway([], { SLUICE_STREAM_SECRET: "own" });
    expect((await ask(`/v1/streams/${id}?token=${await mint(id, "read", "own")}`)).status).toBe(404);
    expect((await ask(`/v1/streams/${id}?token=${await mint(id, "read")}`)).status).toBe(401);
  });
});

describe("a viewer that asks for what there is not", () => {
  it.each([
    ["?after=x", 400, "unknown-place"],
    ["?after=-1", 400, "unknown-place"],
    ["?format=xml", 400, "unknown-format"],
    ["", 404, "unknown-stream"],
  ])("(%s) is told so", async (query, status, code) => {
    const headers = { authorization: `Bearer ${API_TOKEN}` };
    const answer = await gateway()(`/v1/streams/${newStreamId()}${query}`, { headers });
    expect(answer.status).toBe(status);
    expect(await answer.json()).toMatchObject({ type: `urn:sluice:problem:${code}` });
  });
});

it("chat completions tell every error as OpenAI does, those found on the way in included", async () => {
  const ask = gateway();
  const post = (body: string, token: string) =>
    ask("/v1/chat/completions", { method: "POST", body, headers: { authorization: `Bearer ${token}` } });
  const asked = JSON.stringify({ model: "nowhere", messages: [{ role: "user", content: "Hi" }] });
  for (const [body, token, status, type, code] of [
    [asked, "wrong", 401, "authentication_error", "unauthorized"],
    ["{", API_TOKEN, 400, "invalid_request_error", "malformed_body"],
    ["{}", API_TOKEN, 400, "invalid_request_error", "invalid_request"],
    [asked, API_TOKEN, 404, "not_found_error", "unknown_model"],
    ["x".repeat(1_100_000), API_TOKEN, 413, "invalid_request_error", "body_too_large"],
  ] as const) {
    const answer = await post(body, token);
    expect(answer.status).toBe(status);
    expect(answer.headers.get("content-type")).toBe("application/json");
    expect(await answer.json()).toEqual({
      error: { message: expect.any(String), type, param: null, code },
    });
  }
});
