/** A model with endpoints in several regions: which is asked, and what happens when one is not well. */
import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { LIMITS } from "../../src/config/limits.ts";
import { failure } from "../../src/core/failure.ts";
import type { Priority } from "../../src/core/policy.ts";
import { nearestFirst, REGIONS } from "../../src/core/regions.ts";
import { err, ok } from "../../src/core/result.ts";
import { createGuardClient } from "../../src/guard/client.ts";
import { createModelRegistry } from "../../src/models/registry.ts";
import { createModelCaller } from "../../src/pipeline/model-caller.ts";
import { defineGateway, openaiCompatible, type GatewayOptions } from "../../src/index.ts";
import { recordingLogger } from "./pipeline-fixtures.ts";

/** The first use of an object loads the whole Worker, which may take longer than a caller waits. */
beforeAll(() => runInDurableObject(env.GUARD.get(env.GUARD.idFromName("warm-up")), () => {}));

const definition = openaiCompatible({
  baseUrl: "https://central.example/v1",
  model: "m",
  endpoints: [
    { region: "NA", baseUrl: "https://na.example/v1" },
    { region: "EU", baseUrl: "https://eu.example/v1", limits: { maxConcurrent: 1 } },
    { region: "AS", baseUrl: { variable: "ASIA_URL" } },
  ],
});

let runs = 0;
let name: string;
let down: Set<string>;
let called: string[];
let nowMs: number;

beforeEach(() => {
  name = `regional-${++runs}`;
  down = new Set();
  called = [];
  nowMs = Date.now();
});

/** Calls go through the real guards; the upstream is down where the test says so. */
async function call(region: string, priority: Priority = "normal") {
  const guard = createGuardClient({
    namespace: env.GUARD,
    nowMs: () => nowMs,
    random: () => 0,
    logger: recordingLogger([]),
  });
  const caller = createModelCaller({
    models: createModelRegistry(new Map([[name, definition]]), { binding: () => undefined, fetch }),
    call: async ({ name: endpoint }) => {
      const at = endpoint.replace(name, "");
      called.push(at);
      if (down.has(at)) {
        return err({ failure: failure("infer", "transient", "http_503", "down"), latencyMs: 5 });
      }
      const usage = { inputTokens: 1, outputTokens: 1, estimated: false };
      return ok({ text: at, finishReason: "stop", usage, modelId: "m", latencyMs: 5 });
    },
    guard,
    nowMs: () => nowMs,
    sleep: async () => {},
    logger: recordingLogger([]),
  });
  const signal = new AbortController().signal;
  const outcome = await caller.call({
    model: name,
    instruction: "",
    input: "",
    jsonSchema: null,
    priority,
    region,
    signal,
  });
  await guard.flush();
  return outcome.kind === "answer" ? outcome.text : outcome.kind;
}

async function breakOpen(region: string, at: string): Promise<void> {
  down.add(at);
  for (let time = 0; time < LIMITS.guard.breaker.minCalls; time++) await call(region);
  called = [];
}

/** Makes what an endpoint's guard knows so much older. */
function letPass(at: string, ms: number): Promise<void> {
  const stub = env.GUARD.get(env.GUARD.idFromName(`model:${name}${at}`));
  const aged = (value: unknown): unknown => {
    if (typeof value === "number") return value > 1e12 ? value - ms : value;
    if (Array.isArray(value)) return value.map(aged);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, aged(inner)]));
  };
  return runInDurableObject(stub, (object) => {
    Object.assign(object, { guard: aged(Reflect.get(object, "guard")) });
  });
}

describe("the endpoint that is asked", () => {
  it.each([
    ["EU", "@EU"],
    ["NA", "@NA"],
    ["SA", "@NA"],
    ["AF", "@EU"],
    ["XX", "@NA"],
  ])("from %s is %s, the nearest", async (from, endpoint) => {
    expect(await call(from)).toBe(endpoint);
  });

  it("for work of low priority is the central one, wherever it comes from", async () => {
    expect(await call("EU", "low")).toBe("");
  });

  it("is the next one when the nearest is not set up", async () => {
    expect(await call("AS")).toBe("@EU");
  });
});

describe("an endpoint that fails", () => {
  it("is left for the next nearest once its breaker is open, at once and without its own calls", async () => {
    await breakOpen("EU", "@EU");
    expect(await call("EU")).toBe("@NA");
    expect(called).toEqual(["@NA"]);
  });

  it("has a breaker of its own: the others are not suspected with it", async () => {
    await breakOpen("EU", "@EU");
    expect(await call("NA")).toBe("@NA");
    expect(await call("XX", "low")).toBe("");
  });

  it("is come back to when its probe was good", async () => {
    await breakOpen("EU", "@EU");
    down.clear();
    expect(await call("EU")).toBe("@NA");
    await letPass("@EU", LIMITS.guard.breaker.cooldownMs);
    expect(await call("EU")).toBe("@EU");
    expect(await call("EU")).toBe("@EU");
  });

  it("leaves the central one as the last resort, and a turn when all are down", async () => {
    await breakOpen("EU", "@EU");
    await breakOpen("NA", "@NA");
    expect(await call("EU")).toBe("");
    await breakOpen("EU", "");
    expect(await call("EU")).toBe("denied");
    expect(called).toEqual([]);
  });

  it("is not tried at another endpoint in the same attempt: a call that was sent may have been answered", async () => {
    down.add("@EU");
    expect(await call("EU")).toBe("failed");
    expect(called).toEqual(["@EU"]);
  });
});

it("every region knows every other one", () => {
  for (const from of REGIONS) {
    const placed = nearestFirst(
      REGIONS.map((region) => ({ region })),
      from,
    );
    expect(placed[0]?.region).toBe(from);
    expect(new Set(placed).size).toBe(REGIONS.length);
  }
});

describe("the config", () => {
  const define = (endpoints: NonNullable<Parameters<typeof openaiCompatible>[0]["endpoints"]>) => {
    const fast = openaiCompatible({ baseUrl: "https://central.example/v1", model: "m", endpoints });
    const options: GatewayOptions = { sources: {}, models: { fast }, destinations: {} };
    return () => defineGateway(options);
  };
  const eu = { region: "EU", baseUrl: "https://eu.example/v1" } as const;

  it("refuses a region that is there twice, and limits that are none", () => {
    expect(define([eu, eu])).toThrow(/models\.fast\.endpoints\[1\]\.region: EU is there twice/);
    expect(define([{ ...eu, limits: { maxConcurrent: 0 } }])).toThrow(
      /endpoints\[0\]\.limits\.maxConcurrent/,
    );
  });
});
