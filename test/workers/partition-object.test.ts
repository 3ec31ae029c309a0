import { env } from "cloudflare:workers";
import { abortAllDurableObjects, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { beforeEach, describe, expect, it } from "vitest";
import type { EventEnvelope } from "../../src/core/envelope.ts";
import type { PartitionName } from "../../src/core/ids.ts";
import type { Action, LeaseView } from "../../src/core/partition/commands.ts";
import type { StoredOutput } from "../../src/core/partition/model.ts";
import type { EventPolicy } from "../../src/core/policy.ts";
import { partitionStub } from "../../src/partition/stub.ts";
import { envelopeOf, partitionFor } from "../support/envelopes.ts";

const OUTPUT: StoredOutput = {
  v: 1,
  stageVersion: "echo@1",
  value: { answer: 42 },
  body: { answer: 42 },
  type: "echo.completed",
  to: ["sink"],
  emits: [],
  model: null,
};

let customer = 0;
let partition: PartitionName;

beforeEach(async () => {
  partition = await partitionFor(`customer-${++customer}`);
});

const stub = () => partitionStub(env.PARTITION, partition);
/** The stub as the test helpers want it. */
const object: () => DurableObjectStub = () => partitionStub(env.PARTITION, partition);
const request = () => crypto.randomUUID();

function event(key: string, orderKey = 1, policy: Partial<EventPolicy> = {}): Promise<EventEnvelope> {
  return envelopeOf({ key, customer: `customer-${customer}`, orderKey, receivedAtMs: Date.now(), policy });
}

function offer(events: EventEnvelope[], driver = "d1", wantLease = true) {
  return stub().offer({ v: 1, request: request(), partition, driver, events, wantLease });
}

function say(lease: LeaseView, actions: Action[], holding: EventEnvelope[] = [], driver = "d1") {
  const ids = holding.map((envelope) => envelope.id);
  return stub().exchange({
    v: 1,
    request: request(),
    driver,
    token: lease.token,
    holding: ids,
    wantMore: true,
    actions,
  });
}

const record = ({ id }: EventEnvelope): Action => ({ kind: "record", id, output: OUTPUT });
const complete = ({ id }: EventEnvelope): Action => ({
  kind: "complete",
  id,
  deliveries: [
    { destination: "sink", idempotencyKey: `${id}.1.sink`, status: 200, deliveredAtMs: 1, durationMs: 1 },
  ],
  emits: [],
});

async function granted(reply: Promise<{ lease: LeaseView | null }>): Promise<LeaseView> {
  const { lease } = await reply;
  if (lease === null) throw new Error("expected a lease");
  return lease;
}

describe("the partition object", () => {
  it("stores an event before it answers, and shows its whole story afterwards", async () => {
    const a = await event("a");
    const lease = await granted(offer([a]));
    const turn = await say(lease, [record(a)], [a]);
    expect(turn.lease?.turns).toEqual([{ id: a.id, sequence: expect.any(Number) }]);
    const sequence = turn.lease?.turns[0]?.sequence;
    expect((await say(lease, [complete(a)])).status).toBe("released");
    const view = await stub().read(a.id);
    expect(view).toMatchObject({ state: "done", output: { value: { answer: 42 } }, sequence });
    expect(view?.timeline.map((entry) => entry.what)).toEqual([
      "received",
      "stored",
      "output",
      "delivered",
      "done",
    ]);
  });

  it("keeps events, outputs and the lease through a crash, and refuses the old token after expiry", async () => {
    const [a, b] = [await event("a", 1), await event("b", 2)];
    const lease = await granted(offer([a, b]));
    const first = (await say(lease, [record(a), record(b)], [a, b])).lease?.turns[0];
    await abortAllDurableObjects();
    expect((await offer([a], "d2")).verdicts[0]?.verdict).toBe("duplicate");
    expect((await offer([], "d2")).lease).toBeNull();
    const reply = await say(lease, [complete(a)], [b]);
    expect(reply).toMatchObject({
      status: "held",
      lease: { turns: [{ id: b.id, sequence: (first?.sequence ?? 0) + 1 }] },
    });
    expect((await stub().read(a.id))?.state).toBe("done");
  });

  it("leaves an alarm whenever work is open, and only that of retention when nothing is", async () => {
    const a = await event("a");
    await offer([a], "ingest", false);
    const alarm = () => runInDurableObject(object(), (_, state) => state.storage.getAlarm());
    expect(await alarm()).not.toBeNull();
    const lease = await granted(stub().claim({ v: 1, request: request(), driver: "d1" }));
    await say(lease, [record(a)], [a]);
    expect(await alarm()).not.toBeNull();
    await say(lease, [complete(a)]);
    expect(await alarm()).toBeGreaterThan(Date.now() + 6 * 86_400_000);
  });

  it("an alarm that fires while work is open leaves another one", async () => {
    await offer([await event("a")], "ingest", false);
    expect(await runDurableObjectAlarm(stub())).toBe(true);
    const next = await runInDurableObject(object(), (_, state) => state.storage.getAlarm());
    expect(next).not.toBeNull();
  });

  it("an event alone costs five rows, a busy partition at most four and a half an event", async () => {
    const rows = async () => (await stub().status())?.rowsWritten ?? Number.NaN;
    const warm = await event("warm", 0);
    const first = await granted(offer([warm]));
    await say(first, [record(warm)], [warm]);
    await say(first, [complete(warm)]);
    const before = await rows();
    const a = await event("a", 1);
    const lease = await granted(offer([a]));
    await say(lease, [record(a)], [a]);
    await say(lease, [complete(a)]);
    expect((await rows()) - before).toBeLessThanOrEqual(5);
  });

  it("finds the first open event behind thousands of finished ones and after a reload", async () => {
    for (let n = 0; n < 40; n++) {
      const done = await event(`done-${n}`, n, { lookahead: 1 });
      const lease = await granted(offer([done]));
      await say(lease, [record(done)], [done]);
      await say(lease, [complete(done)]);
    }
    const late = await event("late", -5);
    await offer([late], "ingest", false);
    await abortAllDurableObjects();
    const lease = await granted(stub().claim({ v: 1, request: request(), driver: "d9" }));
    expect(lease.granted.map((grant) => grant.envelope.id)).toEqual([late.id]);
    expect((await stub().read(late.id))?.late).toBe(true);
  });

  it("takes an operator's erasure: nothing is left, and tokens and sequences go on rising", async () => {
    const a = await event("a");
    const before = await granted(offer([a]));
    const turn = (await say(before, [record(a)], [a])).lease?.turns[0];
    await say(before, [complete(a)]);
    await stub().erase();
    expect(await stub().read(a.id)).toBeNull();
    const again = await granted(offer([a], "d2"));
    expect(again.token).toBeGreaterThan(before.token);
    const later = (await say(again, [record(a)], [a], "d2")).lease?.turns[0];
    expect(later?.sequence).toBeGreaterThan(turn?.sequence ?? Number.POSITIVE_INFINITY);
  });

  it("runs everything at the highest priority it holds: a low event in front of a high one is not in its way", async () => {
    const low = { ...(await event("low", 1)), priority: "low" as const };
    const high = { ...(await event("high", 2)), priority: "high" as const };
    await offer([low, high], "ingest", false);
    const lease = await granted(stub().claim({ v: 1, request: request(), driver: "d1" }));
    expect(lease.granted.map((grant) => grant.envelope.priority)).toEqual(["high", "high"]);
  });
});
