/** Questions in the partition's object: through a crash, for those who wait, and as all that it holds. */
import { abortAllDurableObjects, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { partitionStub } from "../../src/partition/stub.ts";
import { envelopeOf, partitionFor } from "../support/envelopes.ts";

describe("a decision in its object", () => {
  const ask = (envelope: Awaited<ReturnType<typeof envelopeOf>>, request: string, waitMs = 0) =>
    partitionStub(env.PARTITION, envelope.partition).ask({
      v: 1,
      request,
      envelope,
      default: "hold",
      remainingMs: 60_000,
      waitMs,
    });

  it("outlives a crash, and its due time is the alarm: nobody who asked need live", async () => {
    const customer = "sync-crash";
    const envelope = await envelopeOf({ key: "asked", customer });
    expect((await ask(envelope, "first")).status).toBe("yours");
    await abortAllDurableObjects();
    expect((await ask(envelope, "second")).status).toBe("pending");
    const object: DurableObjectStub = partitionStub(env.PARTITION, await partitionFor(customer));
    await runInDurableObject(object, async (_, state) => {
      const alarmAtMs = (await state.storage.getAlarm()) ?? 0;
      expect(alarmAtMs).toBeGreaterThan(Date.now() + 30_000);
      // The time that nobody used has passed.
      state.storage.sql.exec("UPDATE decisions SET due_at = 1, record = json_set(record, '$.dueMs', 1)");
    });
    await abortAllDurableObjects();
    expect(await runDurableObjectAlarm(partitionStub(env.PARTITION, envelope.partition))).toBe(true);
    expect(await ask(envelope, "third")).toMatchObject({
      status: "decided",
      decision: { by: "default", answer: "hold", reason: "nobody_answered" },
    });
  });

  it("is told to whoever waits for it, the moment it is there", async () => {
    const envelope = await envelopeOf({ key: "asked", customer: "sync-wait" });
    const stub = partitionStub(env.PARTITION, envelope.partition);
    await ask(envelope, "first");
    const waiting = ask(envelope, "second", 60_000);
    const settlement = { kind: "default", reason: "deadline", isFinal: true, output: null } as const;
    await stub.settle({ v: 1, request: "settle", id: envelope.id, settlement });
    expect(await waiting).toMatchObject({ status: "decided", decision: { answer: "hold" } });
    expect((await stub.read(envelope.id))?.decision).toMatchObject({ by: "default" });
  });

  it("is told at once that it is whose it is, however long it could wait, and that of another in no time of its own", async () => {
    const envelope = await envelopeOf({ key: "asked", customer: "sync-at-once" });
    expect((await ask(envelope, "first", 60_000)).status).toBe("yours");
    expect((await ask(envelope, "second", 0)).status).toBe("pending");
    expect((await ask(envelope, "third", 20)).status).toBe("pending");
  });

  it("keeps an otherwise empty partition from being put away, and counts among what it writes", async () => {
    const envelope = await envelopeOf({ key: "asked", customer: "sync-alone" });
    const stub = partitionStub(env.PARTITION, envelope.partition);
    const writtenBefore = (await stub.status())?.rowsWritten ?? 0;
    await ask(envelope, "first");
    expect((await stub.status())?.rowsWritten).toBeGreaterThan(writtenBefore);
    const object: DurableObjectStub = partitionStub(env.PARTITION, envelope.partition);
    await runInDurableObject(object, (_, state) => state.storage.setAlarm(Date.now()));
    await runDurableObjectAlarm(partitionStub(env.PARTITION, envelope.partition));
    expect((await ask(envelope, "second")).status).toBe("pending");
  });
});

describe("a partition's stub", () => {
  it("names the home that is asked for, and none where none is", async () => {
    const { partition } = await envelopeOf({ key: "a", customer: "stub" });
    const asked: unknown[] = [];
    const namespace = new Proxy(env.PARTITION, {
      get: (real, name) =>
        name === "get"
          ? (_: DurableObjectId, options?: object) => void asked.push(options)
          : Reflect.get(real, name).bind(real),
    });
    partitionStub(namespace, partition);
    partitionStub(namespace, partition, "weur");
    expect(asked).toEqual([undefined, { locationHint: "weur" }]);
  });
});

describe("a stored event as it is read back whole", () => {
  it("has the payload it came with beside an edited one, and is null where nothing is stored", async () => {
    const envelope = await envelopeOf({ key: "read", customer: "sync-read" });
    const stub = partitionStub(env.PARTITION, envelope.partition);
    expect(await stub.readEnvelope(envelope.id)).toBeNull();
    const { id, partition } = envelope;
    const offer = { v: 1, request: "offer", partition, driver: "ingest", wantLease: false } as const;
    await stub.offer({ ...offer, events: [envelope] });
    expect(await stub.readEnvelope(id)).toEqual({ envelope, original: null });
    await stub.operate({ kind: "skip", id, reason: "test" });
    await stub.operate({ kind: "edit", id, text: "{}" });
    expect(await stub.readEnvelope(id)).toMatchObject({
      envelope: { body: { kind: "inline", text: "{}" } },
      original: envelope.body,
    });
  });
});
