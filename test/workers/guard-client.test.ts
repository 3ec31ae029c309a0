import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { LIMITS } from "../../src/config/limits.ts";
import { createGuardClient } from "../../src/guard/client.ts";
import type { AdmissionRequest, CallReport, GuardClient } from "../../src/guard/port.ts";
import { readGuard } from "../../src/guard/read.ts";
import { unlimitedGuard } from "../../src/guard/unlimited.ts";
import type { Logger } from "../../src/telemetry/log.ts";

/** The first use of an object loads the whole Worker, which may take longer than a caller waits. */
beforeAll(() => runInDurableObject(env.GUARD.get(env.GUARD.idFromName("warm-up")), () => {}));

const NOW_MS = 1_800_000_000_000;
const SUCCESS: CallReport = { outcome: "success", latencyMs: 100, usedTokens: null };
const FAILURE: CallReport = { outcome: "transient", latencyMs: 100, usedTokens: null };
const REQUEST: AdmissionRequest = { guard: "model:fast", limits: {}, priority: "normal", estimatedTokens: 0 };

interface Received {
  readonly method: string;
  readonly settlements: readonly unknown[];
  readonly request: unknown;
}

/** A namespace whose objects answer as the test says, in itty-durable's own wire format. */
function namespaceOf(answer: (received: Received) => unknown): DurableObjectNamespace {
  const fetchObject = async (request: Request) => {
    const [command] = JSON.parse(request.headers.get("do-content") ?? "[]");
    const method = new URL(request.url).pathname.split("/").at(-1) ?? "";
    const answered = await answer({
      method,
      settlements: command.settlements ?? [],
      request: command.request,
    });
    return answered instanceof Response ? answered : Response.json(answered);
  };
  return Object.assign(Object.create(null), {
    idFromName: (name: string) => env.GUARD.idFromName(name),
    get: () => ({ fetch: fetchObject }),
  });
}

const granted = (permitId: number, settleSoon = false) => ({
  v: 1,
  ok: true,
  value: { kind: "granted", permitId, settleSoon },
});
const settled = { v: 1, ok: true, value: null };

function collectLogs(): { readonly logger: Logger; readonly events: string[] } {
  const events: string[] = [];
  const write = (event: string) => {
    events.push(event);
  };
  const logger: Logger = { debug: write, info: write, warn: write, error: write, with: () => logger };
  return { logger, events };
}

function clientOf(
  namespace: DurableObjectNamespace,
  more: { readonly random?: number; readonly logger?: Logger; readonly flushSoon?: () => void } = {},
): GuardClient {
  const { random = 0, logger = collectLogs().logger, flushSoon } = more;
  return createGuardClient({
    namespace,
    nowMs: () => NOW_MS,
    random: () => random,
    logger,
    ...(flushSoon === undefined ? {} : { flushSoon }),
  });
}

async function permitFrom(client: GuardClient, request = REQUEST) {
  const admission = await client.admit(request);
  if (admission.kind !== "granted") throw new Error(`denied: ${admission.reason}`);
  return admission.permit;
}

afterEach(() => {
  vi.useRealTimers();
});

describe("a guard that gives no answer is a denial, never a throw", () => {
  const throwing = (message: string) => () => {
    throw new Error(message);
  };
  it.each([
    ["the platform throws", throwing("Network connection lost.")],
    ["the object threw", () => Response.json({ status: 500, error: "boom" }, { status: 500 })],
    ["the answer is not JSON", () => new Response("<html>", { headers: { "content-type": "text/html" } })],
    ["the answer is of another version", () => ({ ...granted(1), v: 2 })],
    ["the answer is no decision", () => ({ v: 1, ok: true, value: { kind: "perhaps" } })],
    ["the command is refused", () => ({ v: 1, ok: false, message: "priority" })],
  ])("when %s", async (_, answer) => {
    const { logger, events } = collectLogs();
    expect(await clientOf(namespaceOf(answer), { logger, random: 0.5 }).admit(REQUEST)).toEqual({
      kind: "denied",
      reason: "unreachable",
      retryAtMs: NOW_MS + LIMITS.guard.unreachableDeferMs * 1.25,
    });
    expect(events).toEqual(["guard_no_answer"]);
  });

  it("when its name cannot be sent", async () => {
    const admission = await clientOf(env.GUARD).admit({ ...REQUEST, guard: "model:line\nbreak" });
    expect(admission).toMatchObject({ kind: "denied", reason: "unreachable" });
  });

  it("when it does not answer in time, and a grant that comes too late is given back", async () => {
    vi.useFakeTimers();
    const received: Received[] = [];
    const late = Promise.withResolvers<unknown>();
    const flushes: number[] = [];
    const namespace = namespaceOf((call) => {
      received.push(call);
      return call.method === "admit" ? late.promise : settled;
    });
    const client = clientOf(namespace, { flushSoon: () => flushes.push(received.length) });
    const admission = client.admit(REQUEST);
    await vi.advanceTimersByTimeAsync(LIMITS.guard.answerWithinMs);
    expect(await admission).toMatchObject({ kind: "denied", reason: "unreachable" });

    late.resolve(granted(7));
    await vi.waitUntil(() => flushes.length > 0);
    await client.flush();
    expect(received.at(-1)).toMatchObject({
      method: "settle",
      settlements: [{ permitId: 7, report: { outcome: "cancelled" } }],
    });
  });

  it("and reads as a typed failure", async () => {
    expect(await readGuard(namespaceOf(throwing("gone")), "model:fast")).toEqual({
      ok: false,
      error: { code: "unreachable", message: "gone" },
    });
    expect(
      await readGuard(
        namespaceOf(() => settled),
        "model:fast",
      ),
    ).toMatchObject({
      ok: false,
      error: { code: "malformed_answer" },
    });
  });
});

describe("settlements", () => {
  /** Grants with rising numbers; answers of `settle` can be made to fail. */
  function recording(fail: (received: Received) => boolean = () => false) {
    const received: Received[] = [];
    let permitId = 0;
    const namespace = namespaceOf((call) => {
      received.push(call);
      if (fail(call)) throw new Error("lost");
      return call.method === "admit" ? granted(++permitId) : settled;
    });
    return { namespace, received };
  }

  it("ride on the next admission to the same guard, and on no other", async () => {
    const { namespace, received } = recording();
    const client = clientOf(namespace);
    (await permitFrom(client)).settle({ ...SUCCESS, usedTokens: 5 });
    await client.admit({ ...REQUEST, guard: "model:other" });
    await client.admit(REQUEST);
    expect(received.map(({ settlements }) => settlements)).toEqual([
      [],
      [],
      [{ permitId: 1, report: { ...SUCCESS, usedTokens: 5 } }],
    ]);
    await client.flush();
    expect(received).toHaveLength(3);
  });

  it("are sent by flush when no admission came, many in bounded parts", async () => {
    const { namespace, received } = recording();
    const client = clientOf(namespace);
    const permits = await Promise.all(Array.from({ length: 100 }, () => permitFrom(client)));
    for (const permit of permits) permit.settle(SUCCESS);
    await client.flush();
    const parts = received
      .filter(({ method }) => method === "settle")
      .map(({ settlements }) => settlements.length);
    expect(parts).toEqual([40, 40, 20]);
  });

  it("are made once for a permit, whatever the caller does", async () => {
    const { namespace, received } = recording();
    const client = clientOf(namespace);
    const permit = await permitFrom(client);
    permit.settle(SUCCESS);
    permit.settle(FAILURE);
    await client.flush();
    expect(received.at(-1)?.settlements).toEqual([{ permitId: 1, report: SUCCESS }]);
  });

  it("are sent again when their answer was lost", async () => {
    let isDown = true;
    const { namespace, received } = recording(({ method }) => method === "settle" && isDown);
    const client = clientOf(namespace);
    (await permitFrom(client)).settle(SUCCESS);
    await client.flush();
    isDown = false;
    await client.flush();
    const sent = received.filter(({ method }) => method === "settle");
    expect(sent).toHaveLength(2);
    expect(sent[1]).toEqual(sent[0]);
  });

  it("are not sent again when the guard refused them", async () => {
    const received: Received[] = [];
    const namespace = namespaceOf((call) => {
      received.push(call);
      return call.method === "admit" ? granted(1) : { v: 1, ok: false, message: "no" };
    });
    const client = clientOf(namespace);
    (await permitFrom(client)).settle(SUCCESS);
    await client.flush();
    await client.flush();
    expect(received.filter(({ method }) => method === "settle")).toHaveLength(1);
  });

  it("are bounded: beyond it the oldest are left to expire, and it is logged", async () => {
    const { namespace, received } = recording();
    const { logger, events } = collectLogs();
    const client = clientOf(namespace, { logger });
    const permits = await Promise.all(
      Array.from({ length: LIMITS.guard.maxQueuedSettlements + 1 }, () => permitFrom(client)),
    );
    for (const permit of permits) permit.settle(SUCCESS);
    await client.flush();
    const sent = received
      .filter(({ method }) => method === "settle")
      .flatMap(({ settlements }) => settlements);
    expect(sent).toHaveLength(LIMITS.guard.maxQueuedSettlements);
    expect(sent[0]).toMatchObject({ permitId: 2 });
    expect(events).toEqual(["guard_settlements_dropped"]);
  });

  it("with odd numbers don't spoil the others that ride along", async () => {
    const client = clientOf(env.GUARD);
    const request = { ...REQUEST, guard: "model:odd", limits: { maxConcurrent: 4 } };
    const permits = [await permitFrom(client, request), await permitFrom(client, request)];
    const hint = { limited: false, retryAfterMs: Number.POSITIVE_INFINITY, remainingTokens: Number.NaN };
    permits[0]?.settle({ outcome: "success", latencyMs: Number.NaN, usedTokens: Number.NaN, hint });
    permits[1]?.settle({ ...SUCCESS, usedTokens: -5 });
    await client.flush();
    expect(await readGuard(env.GUARD, "model:odd")).toMatchObject({
      value: { slots: { used: { normal: 0 } } },
    });
  });

  it("ask for a flush when others may be waiting for them, and only then", async () => {
    let settleSoon = false;
    let asked = 0;
    const namespace = namespaceOf(() => granted(1, settleSoon));
    const client = clientOf(namespace, { flushSoon: () => (asked += 1) });
    (await permitFrom(client)).settle(SUCCESS);
    expect(asked).toBe(0);
    (await permitFrom(client)).settle(FAILURE);
    expect(asked).toBe(1);
    settleSoon = true;
    (await permitFrom(client)).settle(SUCCESS);
    expect(asked).toBe(2);
  });
});

it("the object refuses a command that is not one, and says so", async () => {
  const stub = env.GUARD.get(env.GUARD.idFromName("model:strict"));
  const content = JSON.stringify([{ v: 1, request: { priority: "urgent" }, settlements: [] }]);
  const response = await stub.fetch("https://guard/do/call/admit", { headers: { "do-content": content } });
  expect(await response.json()).toMatchObject({ v: 1, ok: false });
});

it("an unlimited guard grants everything", async () => {
  const guard = unlimitedGuard();
  (await permitFrom(guard)).settle(FAILURE);
  await guard.flush();
  expect((await guard.admit(REQUEST)).kind).toBe("granted");
});
