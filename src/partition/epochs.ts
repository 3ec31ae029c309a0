/**
 * A source whose `partitionBy` changed sends its events to new partitions. While the change is young, every offer asks
 * the old partition first: what it knows is a duplicate, and while it still works on the customer's older events the
 * newer ones are pushed back, so that dedupe and order hold across the change. Costs one call per such event, and
 * nothing for all others.
 */
import type { EventEnvelope } from "../core/envelope.ts";
import { partitionOf, type EventId } from "../core/ids.ts";
import {
  MESSAGE_VERSION,
  type OfferedVerdict,
  type OfferReply,
  type OfferRequest,
} from "../core/partition/commands.ts";
import { unreachable } from "../core/result.ts";
import type { AskReply, AskRequest } from "../core/partition/decisions.ts";
import type { DecisionClient, PartitionClient } from "./client.ts";

export function askingPreviousEpochs(client: PartitionClient): PartitionClient {
  return {
    ...client,
    async offer(request) {
      if (request.events.every((event) => event.previousId === undefined)) return client.offer(request);
      return offerAfterRecall(client, request);
    },
  };
}

/**
 * The same for events that a sender waits for. What the old partition knows is asked about there, and answered as there: with
 * the answer that stands, with the one that somebody is still asking for, or with none where there never was one.
 */
export function askingDecisions(client: DecisionClient & Pick<PartitionClient, "recall">): DecisionClient {
  return {
    settle: (request) => client.settle(request),
    async ask(request) {
      const { previousId } = request.envelope;
      if (previousId === undefined || !(await client.recall(previousId)).known) return client.ask(request);
      return askBefore(client, request, previousId);
    },
  };
}

/** Never `yours`: the event is processed where it is new. */
async function askBefore(client: DecisionClient, request: AskRequest, id: EventId): Promise<AskReply> {
  const { previousId: _, ...envelope } = request.envelope;
  const reply = await client.ask({ ...request, envelope: { ...envelope, id, partition: partitionOf(id) } });
  switch (reply.status) {
    case "decided":
    case "known":
      return reply;
    // Erased between the two calls: nobody asks, and at the deadline it is answered by default.
    case "yours":
    case "pending":
      return { v: MESSAGE_VERSION, status: "pending", id };
    case "pushed_back":
      return { v: MESSAGE_VERSION, status: "known" };
    default:
      return unreachable(reply);
  }
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
