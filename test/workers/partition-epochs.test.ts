import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import type { EventEnvelope } from "../../src/core/envelope.ts";
import { createPartitionClient } from "../../src/partition/client.ts";
import { askingPreviousEpochs } from "../../src/partition/epochs.ts";
import { partitionStub } from "../../src/partition/stub.ts";
import { envelopeOf } from "../support/envelopes.ts";

const client = askingPreviousEpochs(
  createPartitionClient({
    stub: (partition) => partitionStub(env.PARTITION, partition),
    attempts: 1,
    sleep: () => Promise.resolve(),
    random: () => 0,
  }),
);

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
