/**
 * A source whose `partitionBy` changed sends its events to new partitions. While the change is young, every offer asks
 * the old partition first: what it knows is a duplicate, and while it still works on the customer's older events the
 * newer ones are pushed back, so that dedupe and order hold across the change. Costs one call per such event, and
 * nothing for all others.
 */
import type { EventEnvelope } from "../core/envelope.ts";
import type { OfferedVerdict, OfferReply, OfferRequest } from "../core/partition/commands.ts";
import type { PartitionClient } from "./client.ts";

export function askingPreviousEpochs(client: PartitionClient): PartitionClient {
  return {
    ...client,
    async offer(request) {
      if (request.events.every((event) => event.previousId === undefined)) return client.offer(request);
      return offerAfterRecall(client, request);
    },
  };
}

async function offerAfterRecall(client: PartitionClient, request: OfferRequest): Promise<OfferReply> {
  const recalled = new Map<string, OfferedVerdict>();
  for (const event of request.events) {
    const verdict = await recall(client, event);
    if (verdict !== null) recalled.set(event.id, verdict);
  }
  const fresh = request.events.filter((event) => !recalled.has(event.id));
  const reply = await client.offer({ ...request, events: fresh });
  return { ...reply, verdicts: [...recalled.values(), ...reply.verdicts] };
}

/** null: the old partition has nothing to say against it. */
async function recall(
  client: Pick<PartitionClient, "recall">,
  { id, previousId, policy }: EventEnvelope,
): Promise<OfferedVerdict | null> {
  if (previousId === undefined) return null;
  const { known, openEvents } = await client.recall(previousId);
  if (known) return { id, verdict: "duplicate", state: null };
  const waits = openEvents > 0 && policy.ordering !== "none";
  return waits ? { id, verdict: "pushed_back", state: null } : null;
}
