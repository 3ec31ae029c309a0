import { describe, expect, it } from "vitest";
import { isNotConfigured } from "../../src/core/classify/not-configured.ts";
import { openaiCompatible } from "../../src/models/openai-compatible.ts";
import { createModelRegistry } from "../../src/models/registry.ts";
import { isStrictSchema } from "../../src/models/strict-schema.ts";

const definition = openaiCompatible({ baseUrl: { variable: "BASE_URL" }, model: "m", apiKey: "KEY" });

function registry(env: Record<string, unknown>) {
  return createModelRegistry(new Map([["fast", definition]]), { binding: (name) => env[name], fetch });
}

describe("the model registry", () => {
  it("builds a model once, from its key and URL", () => {
    const models = registry({ BASE_URL: "https://api.test/v1", KEY: "k" });
    const first = models.get("fast");
    const second = models.get("fast");
    expect(first).toMatchObject({ ok: true, value: { name: "fast", model: { modelId: "m" } } });
    expect(first.ok && second.ok && first.value === second.value).toBe(true);
  });

  it("lets events wait for a key or URL that is not set, and names it", () => {
    for (const env of [{ BASE_URL: "https://api.test/v1" }, { BASE_URL: "https://api.test/v1", KEY: "" }]) {
      const found = registry(env).get("fast");
      expect(found).toMatchObject({ ok: false, error: { class: "transient", code: "model_not_configured" } });
      expect(!found.ok && isNotConfigured(found.error)).toBe(true);
      expect(!found.ok && found.error.message).toContain("KEY");
    }
    expect(registry({}).get("fast")).toMatchObject({
      error: { message: expect.stringContaining("BASE_URL") },
    });
  });

  it("does not send a key over plain http to another machine", () => {
    const found = registry({ BASE_URL: "http://api.test/v1", KEY: "k" }).get("fast");
    expect(found).toMatchObject({ ok: false, error: { code: "model_not_configured" } });
    expect(registry({ BASE_URL: "http://127.0.0.1:8790/v1", KEY: "k" }).get("fast").ok).toBe(true);
  });

  it("knows no model that the config does not name", () => {
    expect(registry({}).get("slow")).toMatchObject({
      ok: false,
      error: { class: "permanent", code: "model_unknown" },
    });
  });
});

describe("openaiCompatible", () => {
  it("fails at load for a base URL that cannot be called", () => {
    expect(() => openaiCompatible({ baseUrl: "api.test/v1", model: "m" })).toThrow(/baseUrl is not a URL/);
    expect(() => openaiCompatible({ baseUrl: "http://api.test/v1", model: "m", apiKey: "KEY" })).toThrow(
      /https/,
    );
    expect(openaiCompatible({ baseUrl: "http://ollama.internal/v1", model: "m" }).modelId).toBe("m");
  });

  it("fills in time-outs and keeps those that are given", () => {
    const { timeouts } = openaiCompatible({
      baseUrl: "https://api.test/v1",
      model: "m",
      timeouts: { idleMs: 7 },
    });
    expect(timeouts).toEqual({ connectMs: 10_000, firstTokenMs: 20_000, idleMs: 7, totalMs: 60_000 });
  });
});

describe("a strict schema", () => {
  const closed = {
    type: "object",
    properties: { a: { type: "string" } },
    required: ["a"],
    additionalProperties: false,
  };

  it("is one whose objects are closed and whose properties are all required", () => {
    expect(isStrictSchema(closed)).toBe(true);
    expect(isStrictSchema({ ...closed, properties: { a: { type: "array", items: closed } } })).toBe(true);
  });

  it.each([
    ["an open object", { ...closed, additionalProperties: true }],
    ["an optional property", { ...closed, required: [] }],
    [
      "an open object inside a list",
      { ...closed, properties: { a: { type: "array", items: { type: "object" } } } },
    ],
    [
      "an open object in a union",
      { ...closed, properties: { a: { anyOf: [{ type: "object", properties: {} }] } } },
    ],
    [
      "a keyword that strict decoding does not know",
      { ...closed, properties: { a: { type: "string", minLength: 1 } } },
    ],
    ["something else than an object", { type: "array", items: closed }],
  ])("is not %s", (_, schema) => {
    expect(isStrictSchema(schema)).toBe(false);
  });
});
