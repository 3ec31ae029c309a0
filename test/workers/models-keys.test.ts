import { describe, expect, it } from "vitest";
import { createResultCache } from "../../src/cache/results.ts";
import { callModel } from "../../src/models/call.ts";
import { createModelCaller } from "../../src/pipeline/model-caller.ts";
import { completion, errorResponse, eventStream, fakeModel, fakeUpstream } from "./models-fake-upstream.ts";
import {
  bench,
  leasedEvent,
  NOW_MS,
  recordingLogger,
  scriptedGuard,
  triagePipeline,
  type LogLine,
} from "./pipeline-fixtures.ts";

/** What `fakeModel` sets as the key. */
const KEY = "sk-secret";

const triage = triagePipeline({ cacheTtlSeconds: 600 });

async function run(respond: () => Response) {
  const upstream = fakeUpstream(respond);
  const lines: LogLine[] = [];
  const stored: string[] = [];
  const guard = scriptedGuard();
  const logger = recordingLogger(lines);
  const kv = {
    get: async (key: string) => {
      stored.push(key);
      return null;
    },
    put: async (key: string, value: string) => void stored.push(key, value),
  };
  const models = createModelCaller({
    models: fakeModel(upstream).registry,
    call: callModel,
    guard,
    nowMs: () => NOW_MS,
    sleep: async () => {},
    logger,
  });
  // The two overloads in use.
  const cache = createResultCache({ kv: kv as never, nowMs: () => NOW_MS, logger });
  const { processor } = bench([triage], { models, cache, logger });
  const prepared = await processor.prepare(await leasedEvent(), new AbortController().signal);
  const left = JSON.stringify({ prepared, lines, stored, asked: guard.asked, settled: guard.settled });
  return { prepared, left, sent: upstream.calls[0]?.headers.get("authorization") };
}

describe("an API key", () => {
  it("reaches the provider, and no log, guard, cache key, cached or stored output", async () => {
    const { prepared, left, sent } = await run(() => eventStream(completion(['{"label":"lost"}'])));
    expect(sent).toBe(`Bearer ${KEY}`);
    expect(prepared.kind).toBe("ready");
    expect(left).toContain("result:");
    expect(left).not.toContain(KEY);
  });

  it("is in no failure and no log when the provider quotes it", async () => {
    const { prepared, left } = await run(() =>
      errorResponse(401, {
        message: `Incorrect API key provided: ${KEY}`,
        code: "invalid_api_key",
        type: KEY,
      }),
    );
    expect(prepared).toMatchObject({ kind: "failed", failure: { code: "unauthorized" } });
    expect(left).not.toContain(KEY);
  });
});
