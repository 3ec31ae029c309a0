import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import type { EventEnvelope } from "../../src/core/envelope.ts";
import { createPartitionClient } from "../../src/partition/client.ts";
import { askingDecisions, askingPreviousEpochs } from "../../src/partition/epochs.ts";
import { partitionStub } from "../../src/partition/stub.ts";
import { envelopeOf } from "../support/envelopes.ts";

const direct = createPartitionClient({
  stub: (partition) => partitionStub(env.PARTITION, partition),
  attempts: 1,
  sleep: () => Promise.resolve(),
  random: () => 0,
});
const client = askingPreviousEpochs(direct);
const decisions = askingDecisions(direct);

async function offer(...events: EventEnvelope[]) {
  const [first] = events;
  if (first === undefined) throw new Error("no event");
  const request = {
    v: 1,
    request: crypto.randomUUID(),
    driver: "d1",
    partition: first.partition,
    events,
  } as const;
  return (await client.offer({ ...request, wantLease: false })).verdicts.map(({ verdict }) => verdict);
}

it("a changed partitionBy: what the old partition has is a duplicate, and newer events wait until it is empty", async () => {
  const [old, other] = [
    await envelopeOf({ key: "a", customer: "old-key" }),
    await envelopeOf({ key: "b", customer: "old-key" }),
  ];
  expect(await offer(old)).toEqual(["stored"]);
  const again = { ...(await envelopeOf({ key: "a", customer: "new-key" })), previousId: old.id };
  const newer = { ...(await envelopeOf({ key: "b", customer: "new-key" })), previousId: other.id };
  expect(await offer(again, newer)).toEqual(["duplicate", "pushed_back"]);
  await client.operate(old.partition, { kind: "skip", id: old.id, reason: "test" });
  expect(await offer(again, newer)).toEqual(["duplicate", "stored"]);
});

describe("a sender that waits, and asked before its partitionBy was changed", () => {
  let events = 0;
  const asked = async () => {
    const key = `asked-${++events}`;
    const old = await envelopeOf({ key, customer: "asked-by-the-old-key" });
    const again = { ...(await envelopeOf({ key, customer: "asked-by-the-new-key" })), previousId: old.id };
    const ask = (envelope: EventEnvelope, waitMs = 0) =>
      decisions.ask({
        v: 1,
        request: crypto.randomUUID(),
        envelope,
        default: "hold",
        remainingMs: 60_000,
        waitMs,
      });
    const settle = (isFinal: boolean) => {
      const settlement = { kind: "default", reason: "first", isFinal, output: null } as const;
      return decisions.settle({ v: 1, request: crypto.randomUUID(), id: old.id, settlement });
    };
    return { old, again, ask, settle };
  };

  it.each([
    ["while a late result may still come", false],
    ["when its event is in the log", true],
  ])("is told the answer of then, %s", async (_, isFinal) => {
    const { old, again, ask, settle } = await asked();
    expect((await ask(old)).status).toBe("yours");
    await settle(isFinal);
    expect(await ask(again)).toMatchObject({
      status: "decided",
      decision: { answer: "hold", reason: "first" },
    });
    expect(await direct.read(again.id)).toBeNull();
  });

  it("hears the answer that somebody is still asking for, and knows under which id to settle it itself", async () => {
    const one = await asked();
    await one.ask(one.old);
    const waiting = one.ask(one.again, 60_000);
    await one.settle(true);
    expect(await waiting).toMatchObject({ status: "decided", decision: { reason: "first" } });
    const other = await asked();
    await other.ask(other.old);
    const pending = await other.ask(other.again);
    expect(pending).toMatchObject({ status: "pending", id: other.old.id });
    // Under the id of then: whoever asked first is told the same.
    await other.settle(false);
    expect(await other.ask(other.again)).toMatchObject({ status: "decided", decision: { answer: "hold" } });
  });

  it("is a duplicate without an answer where there never was one, and the first where nobody knew it", async () => {
    const { old, again, ask } = await asked();
    await direct.offer({
      v: 1,
      request: crypto.randomUUID(),
      driver: "d1",
      partition: old.partition,
      events: [old],
      wantLease: false,
    });
    expect((await ask(again)).status).toBe("known");
    const fresh = await asked();
    expect((await fresh.ask(fresh.again)).status).toBe("yours");
  });
});
