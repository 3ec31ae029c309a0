import { describe, expect, it } from "vitest";
import {
  httpDestination,
  queueDestination,
  type DestinationDefinition,
} from "../../src/config/define-destination.ts";
import { LIMITS } from "../../src/config/limits.ts";
import { isNotConfigured } from "../../src/core/classify/not-configured.ts";
import { makeEventId, makePartitionName } from "../../src/core/ids.ts";
import type { OutboundMessage } from "../../src/destinations/port.ts";
import {
  createQueueDestination,
  type DeliveryQueue,
  type QueueDelivery,
} from "../../src/destinations/queue.ts";
import { createDestinationRegistry } from "../../src/destinations/registry.ts";

const SECRET = `whsec_${btoa("0123456789abcdef0123456789abcdef")}`;
const NEVER = new AbortController().signal;

const identity = { jurisdiction: "none", epoch: 1, mode: "ordered", space: "s", key: "k" } as const;
const partition = await makePartitionName(identity);
const eventId = await makeEventId(partition, { source: "s", dedupeKey: "d", pipeline: "p" });
const MESSAGE: OutboundMessage = {
  idempotencyKey: "key",
  eventId,
  run: 2,
  type: "t",
  body: { a: 1 },
  partition,
  sequence: 5,
  late: false,
  token: 8,
  traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
};

const definitions = new Map<string, DestinationDefinition>([
  ["crm", httpDestination({ url: { variable: "CRM_URL" }, secret: "CRM_SECRET" })],
  ["fixed", httpDestination({ url: "https://fixed.test/", secret: "CRM_SECRET" })],
  ["results", queueDestination({ binding: "RESULTS_QUEUE", limits: { maxConcurrent: 3 } })],
]);

function registry(env: Record<string, unknown>) {
  return createDestinationRegistry(definitions, { binding: (name) => env[name], fetch, nowMs: () => 0 });
}

describe("the destination registry", () => {
  const env = {
    CRM_URL: "https://crm.test/",
    CRM_SECRET: SECRET,
    RESULTS_QUEUE: { send: async () => undefined },
  };

  it("builds each destination once, with its limits", () => {
    const destinations = registry(env);
    for (const name of ["crm", "fixed", "results"]) {
      const [first, second] = [destinations.get(name), destinations.get(name)];
      expect(first).toMatchObject({ ok: true, value: { name } });
      expect(first.ok && second.ok && first.value === second.value).toBe(true);
    }
    expect(destinations.get("results")).toMatchObject({ value: { limits: { maxConcurrent: 3 } } });
  });

  it.each([
    ["crm", { ...env, CRM_URL: undefined }, "CRM_URL"],
    ["crm", { ...env, CRM_SECRET: "" }, "CRM_SECRET"],
    ["crm", { ...env, CRM_SECRET: "whsec_c2hvcnQ=" }, "CRM_SECRET"],
    ["crm", { ...env, CRM_SECRET: "plainly-not-a-secret" }, "CRM_SECRET"],
    ["crm", { ...env, CRM_URL: "http://crm.test/" }, "https"],
    ["results", { ...env, RESULTS_QUEUE: "not a queue" }, "RESULTS_QUEUE"],
    ["results", { ...env, RESULTS_QUEUE: undefined }, "RESULTS_QUEUE"],
  ] as const)("lets events for %s wait when its settings are %o, and names %s", (name, broken, named) => {
    const found = registry(broken).get(name);
    expect(found).toMatchObject({
      ok: false,
      error: {
        stage: "deliver",
        class: "transient",
        code: "destination_not_configured",
        retryAfterMs: 60_000,
      },
    });
    if (found.ok) throw new Error("it was built");
    expect(isNotConfigured(found.error)).toBe(true);
    expect(found.error.message).toContain(named);
    expect(found.error.message).not.toContain("plainly");
  });

  it("knows no destination that the config does not name", () => {
    expect(registry(env).get("erp")).toMatchObject({
      ok: false,
      error: { class: "permanent", code: "destination_unknown" },
    });
  });
});

describe("a delivery into a queue", () => {
  const definition = queueDestination({ binding: "Q" });
  const make = (send: DeliveryQueue["send"], timeoutMs?: number) =>
    createQueueDestination("q", definition, {
      queue: { send },
      nowMs: () => 0,
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    });

  it("carries everything a consumer needs to tell repeats and stragglers", async () => {
    const sent: QueueDelivery[] = [];
    const result = await make(async (value) => sent.push(value)).send(MESSAGE, NEVER);
    expect(result).toEqual({ ok: true, value: { status: 0, durationMs: 0 } });
    expect(sent).toEqual([{ v: 1, ...MESSAGE }]);
  });

  it("is transient when the queue refuses, throws or stays silent", async () => {
    const refusing = make(() => Promise.reject(new Error("Too Many Requests")));
    expect(await refusing.send(MESSAGE, NEVER)).toMatchObject({
      error: { class: "transient", code: "queue_unavailable" },
    });
    const throwing = make(() => {
      throw new Error("binding is gone");
    });
    expect(await throwing.send(MESSAGE, NEVER)).toMatchObject({ error: { code: "queue_unavailable" } });
    const silent = make(() => new Promise(() => undefined), 20);
    expect(await silent.send(MESSAGE, NEVER)).toMatchObject({
      error: { class: "transient", code: "timeout" },
    });
  });

  it("is not waited for once the lease is lost, and not begun after", async () => {
    const lease = new AbortController();
    let sends = 0;
    const silent = make(() => {
      sends += 1;
      return new Promise(() => undefined);
    });
    const sending = silent.send(MESSAGE, lease.signal);
    lease.abort();
    expect(await sending).toMatchObject({ error: { code: "cancelled" } });
    expect(await silent.send(MESSAGE, lease.signal)).toMatchObject({ error: { code: "cancelled" } });
    expect(sends).toBe(1);
  });

  it("is permanent when it is larger than a queue takes", async () => {
    const body = "x".repeat(LIMITS.destinations.maxQueueMessageBytes);
    const result = await make(async () => undefined).send({ ...MESSAGE, body }, NEVER);
    expect(result).toMatchObject({ error: { class: "permanent", code: "body_too_large" } });
  });
});
