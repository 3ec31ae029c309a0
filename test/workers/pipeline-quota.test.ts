import { expect, it } from "vitest";
import { DEFAULT_EVENT_POLICY, type Quota } from "../../src/core/policy.ts";
import {
  answer,
  bench,
  leasedEvent,
  NOW_MS,
  scriptedGuard,
  scriptedModels,
  triagePipeline,
} from "./pipeline-fixtures.ts";

const live = () => new AbortController().signal;
const triage = triagePipeline();
const withQuota = (quota: Quota) => ({ envelope: { policy: { ...DEFAULT_EVENT_POLICY, quota } } });
const untilMs = NOW_MS + 60_000;
const denied = { kind: "denied", reason: "tokens", retryAtMs: untilMs } as const;

it("an event beyond its customer's quota is deferred before anything is spent on it", async () => {
  const models = scriptedModels(() => answer({ label: "late" }));
  const guard = scriptedGuard([denied, null]);
  const { processor } = bench([triage], { models, guard });
  const event = await leasedEvent(withQuota({ perMinute: 10, burst: 4 }));
  expect(await processor.prepare(event, live())).toEqual({ kind: "deferred", untilMs, reason: "over_quota" });
  expect(models.requests).toEqual([]);
  expect(guard.asked).toEqual([
    {
      guard: `quota:test:${event.envelope.partition}`,
      limits: { tokensPerMinute: 10, burstMs: 18_000 },
      priority: "high",
      estimatedTokens: 1,
    },
  ]);
  expect(await processor.prepare(event, live())).toMatchObject({ kind: "ready" });
  expect(guard.settled).toEqual([{ outcome: "success", latencyMs: 0, usedTokens: 1 }]);
});

it("what waits for a model's limit gives its place back, so that no quota is used up by waiting", async () => {
  const models = scriptedModels(() => ({ kind: "denied", untilMs, reason: "requests" }));
  const guard = scriptedGuard();
  const { processor } = bench([triage], { models, guard });
  const event = await leasedEvent(withQuota({ perMinute: 10 }));
  expect(await processor.prepare(event, live())).toMatchObject({
    kind: "deferred",
    reason: "model fast: requests",
  });
  expect(guard.settled).toEqual([{ outcome: "cancelled", latencyMs: 0, usedTokens: 0 }]);
});

it("retries, emitted events, stored outputs, unreadable payloads and sources without a quota are not counted", async () => {
  const models = scriptedModels(() => answer({ label: "late" }));
  const guard = scriptedGuard();
  const { processor } = bench([triage], { models, guard });
  const options = withQuota({ perMinute: 1 });
  const first = await leasedEvent(options);
  const ready = await processor.prepare({ ...first, attempt: 2 }, live());
  if (ready.kind !== "ready") throw new Error(ready.kind);
  await processor.prepare({ ...first, output: ready.output }, live());
  await processor.prepare(await leasedEvent({ ...options, body: '{"text":7}' }), live());
  const parent = { id: first.envelope.id, depth: 1 };
  await processor.prepare({ ...first, envelope: { ...first.envelope, parent } }, live());
  await processor.prepare(await leasedEvent(), live());
  expect(guard.asked).toEqual([]);
});
