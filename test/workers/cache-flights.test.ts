/** Equal requests that arrive in several isolates at once, through the real objects. */
import { abortAllDurableObjects, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import type { ResultIdentity } from "../../src/cache/result-key.ts";
import { createResultCache, type Production, type ShareRequest } from "../../src/cache/results.ts";
import { LIMITS } from "../../src/config/limits.ts";
import { callGuard } from "../../src/guard/call.ts";
import { createSharedFlights } from "../../src/guard/flight-client.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { recordingLogger } from "./pipeline-fixtures.ts";
import { eventually } from "../support/eventually.ts";

/** The first use of an object loads the whole Worker, which may take longer than a caller waits. */
beforeAll(() => runInDurableObject(env.GUARD.get(env.GUARD.idFromName("warm-up")), () => {}));

let questions = 0;
let identity: ResultIdentity;
let seen: string[];

beforeEach(() => {
  seen = [];
  identity = {
    space: "none/shop",
    model: "fast",
    modelId: "test-model",
    promptVersion: String(++questions),
    outputSchema: {},
    parameters: { temperature: null, maxOutputTokens: null },
    instruction: "Judge it.",
    sections: [{ label: "mail", text: "hello" }],
  };
});

/** Each has its own memory, and a KV that knows nothing of the others yet. */
function isolate() {
  const kv = { get: async () => null, put: async () => {} };
  return createResultCache({
    kv: kv as never, // the two overloads in use
    nowMs: () => Date.now(),
    logger: recordingLogger([]),
    flights: createSharedFlights({
      send: (call) => callGuard(env.GUARD, call),
      nowMs: () => Date.now(),
      sleep: (delayMs, signal) => systemClock.sleep(Math.min(delayMs, 5), signal),
      newId: () => crypto.randomUUID(),
      logger: recordingLogger([]),
    }),
    observe: (lookup) => void seen.push(lookup),
  });
}

const request = (change: Partial<ShareRequest> = {}): ShareRequest => ({
  identity,
  ttlSeconds: 3_600,
  signal: new AbortController().signal,
  acrossLocations: true,
  ...change,
});

function production(value: string | null) {
  const gate = Promise.withResolvers<void>();
  const made = vi.fn<() => Promise<Production<string>>>(async () => {
    await gate.promise;
    return { answer: value === null ? null : { value, modelId: "m" }, produced: "made" };
  });
  return { made, finish: () => gate.resolve() };
}

describe("equal requests in several isolates at the same time", () => {
  it("share one call, and its answer as it was, whatever its characters", async () => {
    const text = 'caf\u00E9 \u{1F600} \\ " \u2028';
    const { made, finish } = production(text);
    const all = Promise.all(Array.from({ length: 4 }, () => isolate().share(request(), made)));
    await eventually(() => expect(made).toHaveBeenCalled());
    finish();
    const shared = await all;
    expect(made).toHaveBeenCalledOnce();
    expect(shared.filter(({ kind }) => kind === "hit")).toEqual(
      Array.from({ length: 3 }, () =>
        expect.objectContaining({ answer: expect.objectContaining({ value: text }) }),
      ),
    );
    expect(seen.toSorted()).toEqual(["hit_elsewhere", "hit_elsewhere", "hit_elsewhere", "miss"]);
  });

  it("do not inherit a failure: the next of them calls", async () => {
    const failing = production(null);
    const leader = isolate().share(request(), failing.made);
    await eventually(() => expect(failing.made).toHaveBeenCalled());
    const next = production("good");
    next.finish();
    const follower = isolate().share(request(), next.made);
    failing.finish();
    await Promise.all([leader, follower]);
    expect(next.made).toHaveBeenCalledOnce();
  });

  it("call beside each other when the flight's object restarts: an optimisation is nobody's truth", async () => {
    const { made, finish } = production("good");
    const leader = isolate().share(request(), made);
    await eventually(() => expect(made).toHaveBeenCalled());
    await abortAllDurableObjects();
    const other = production("good");
    other.finish();
    expect((await isolate().share(request(), other.made)).kind).toBe("produced");
    finish();
    expect((await leader).kind).toBe("produced");
  });

  it("wait no longer than their own signal allows", async () => {
    const { made, finish } = production("good");
    const leader = isolate().share(request(), made);
    await eventually(() => expect(made).toHaveBeenCalled());
    const own = production("own");
    own.finish();
    const controller = new AbortController();
    const follower = isolate().share(request({ signal: controller.signal }), own.made);
    controller.abort();
    expect((await follower).kind).toBe("produced");
    finish();
    await leader;
  });

  it("each call where the pipeline does not ask to share, or where the answer is too large to hand out", async () => {
    const unshared = production("good");
    unshared.finish();
    await isolate().share(request({ acrossLocations: false }), unshared.made);
    await isolate().share(request({ acrossLocations: false }), unshared.made);
    expect(unshared.made).toHaveBeenCalledTimes(2);
    const large = production("x".repeat(LIMITS.cache.maxFlightAnswerCharacters));
    large.finish();
    await isolate().share(request(), large.made);
    await isolate().share(request(), large.made);
    expect(large.made).toHaveBeenCalledTimes(2);
  });
});
