/** Envelopes for tests: real ones, built the way ingest builds them. */
import type { EventEnvelope } from "../../src/core/envelope.ts";
import { makeEventId, makePartitionName, type Jurisdiction, type PartitionName } from "../../src/core/ids.ts";
import { DEFAULT_EVENT_POLICY, type EventPolicy } from "../../src/core/policy.ts";

export interface EnvelopeOptions {
  readonly key: string;
  readonly customer?: string;
  readonly receivedAtMs?: number;
  readonly orderKey?: number | null;
  readonly policy?: Partial<EventPolicy>;
  readonly pipeline?: string;
  readonly body?: string;
  readonly jurisdiction?: Jurisdiction;
}

export async function partitionFor(
  customer: string,
  policy: Partial<EventPolicy> = {},
  jurisdiction: Jurisdiction = "none",
): Promise<PartitionName> {
  const mode = policy.ordering === "none" ? "unordered" : "ordered";
  return makePartitionName({ jurisdiction, epoch: 1, mode, space: "test", key: customer });
}

export async function envelopeOf(options: EnvelopeOptions): Promise<EventEnvelope> {
  const customer = options.customer ?? "customer-1";
  const partition = await partitionFor(customer, options.policy, options.jurisdiction);
  const pipeline = options.pipeline ?? "echo";
  return {
    v: 1,
    id: await makeEventId(partition, { source: "test", dedupeKey: options.key, pipeline }),
    partition,
    partitionKey: `test:${customer}`,
    source: "test",
    dedupeKey: options.key,
    type: "test.event",
    pipeline,
    priority: "normal",
    orderKey: options.orderKey ?? null,
    receivedAtMs: options.receivedAtMs ?? 1_700_000_000_000,
    origin: { colo: "TST", continent: "XX" },
    traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    headers: {},
    body: { kind: "inline", text: options.body ?? JSON.stringify({ key: options.key }) },
    policy: { ...DEFAULT_EVENT_POLICY, settleMs: 0, ...options.policy },
    parent: null,
  };
}
