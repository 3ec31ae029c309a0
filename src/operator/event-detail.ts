/** Events as the API shows them: a ledger's row in a list, a partition's record by itself, and its payload on request. */
import { parseExactJson } from "../core/exact-json.ts";
import type { EnvelopeBody } from "../core/envelope.ts";
import type { EventSummary } from "../core/event-summary.ts";
import type { EventId } from "../core/ids.ts";
import type { EventView } from "../core/partition/commands.ts";
import type { DecisionRecord } from "../core/partition/model.ts";
import { parseTraceparent } from "../core/trace.ts";
import type { OperatorDependencies } from "./port.ts";
import type { EventDetail, EventItem } from "./schemas.ts";

export function itemOf(event: EventSummary): EventItem {
  const { v: _, traceparent, ...summary } = event;
  return { ...summary, traceId: traceIdOf(traceparent) };
}

/**
 * null: neither its partition nor the ledger knows it.
 * @param payloadUpToBytes null: without the payload; what is larger stays where it lies
 */
export async function readDetail(
  deps: OperatorDependencies,
  id: EventId,
  payloadUpToBytes: number | null,
): Promise<EventDetail | null> {
  const view = await deps.partitions.read(id);
  if (view === null) {
    const summary = await deps.ledger.find(id);
    return summary === null ? null : forgotten(summary);
  }
  const stored = payloadUpToBytes === null ? null : await deps.partitions.readEnvelope(id);
  if (stored === null || payloadUpToBytes === null) return detailOf(view);
  const payload = await payloadOf(deps, stored.envelope.body, payloadUpToBytes);
  const original =
    stored.original === null ? {} : { original: await payloadOf(deps, stored.original, payloadUpToBytes) };
  return { ...detailOf(view), payload, ...original };
}

function detailOf({ traceparent, output, decision, ...view }: EventView): EventDetail {
  return {
    ...view,
    priority: priorityOf(view.priority),
    retained: true,
    traceId: traceIdOf(traceparent),
    deliveries: [...view.deliveries],
    timeline: [...view.timeline],
    ...(decision === undefined ? {} : { decision: toldOf(decision) }),
    output: output && {
      value: output.value,
      body: output.body,
      type: output.type,
      to: [...output.to],
      draft: output.draft === true,
      model: output.model,
    },
  };
}

function toldOf({ by, answer, atMs, reason, late }: DecisionRecord) {
  return { by, answer, atMs, reason, ...(late === undefined ? {} : { late }) };
}

function forgotten(summary: EventSummary): EventDetail {
  const { model: _, version: __, colo: ___, ...item } = itemOf(summary);
  const parent = item.parent === null ? null : { id: item.parent, depth: 0 };
  return {
    ...item,
    parent,
    retained: false,
    nextAtMs: null,
    starts: 0,
    sequence: 0,
    output: null,
    timeline: [],
  };
}

async function payloadOf(deps: OperatorDependencies, body: EnvelopeBody, upToBytes: number) {
  if (body.kind === "stored" && body.sizeBytes > upToBytes) {
    return { text: "", value: null, omittedBytes: body.sizeBytes };
  }
  const text = body.kind === "inline" ? body.text : await textOf(deps, body);
  return { text, value: jsonOf(text) };
}

async function textOf(deps: OperatorDependencies, body: Extract<EnvelopeBody, { kind: "stored" }>) {
  const loaded = await deps.loadBody(body);
  return loaded.ok ? loaded.value : "";
}

function jsonOf(text: string): unknown {
  try {
    return parseExactJson(text);
  } catch {
    return null;
  }
}

function priorityOf(text: string): EventItem["priority"] {
  return text === "high" || text === "low" ? text : "normal";
}

function traceIdOf(traceparent: string): string | null {
  return parseTraceparent(traceparent)?.traceId ?? null;
}
