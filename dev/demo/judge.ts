/**
 * What really happened, decided from the sink's own record and from what the senders know they sent, never from
 * what the gateway says of itself.
 */
import type { SinkRecord } from "../sink/sink-record.ts";
import type { Sent } from "./traffic.ts";

export interface Judgement {
  readonly accepted: number;
  readonly duplicates: number;
  readonly refused: number;
  readonly delivered: number;
  readonly dead: number;
  /** Recorded, and wanted by no route. */
  readonly unrouted: number;
  readonly missing: readonly string[];
  readonly repeated: readonly string[];
  readonly outOfOrder: readonly string[];
  /** Out of order, but marked as late: what `ordering: "arrival"` allows. */
  readonly late: number;
  readonly badSignatures: number;
  readonly wrongAnswers: readonly string[];
  readonly p50Ms: number;
  readonly p95Ms: number;
}

interface Effect {
  readonly reference: string;
  readonly destination: string;
  readonly receivedAtMs: number;
  /** The place in the order of effects, as the delivery says. */
  readonly sequence: number;
  readonly late: boolean;
}

/** What each kind of request must be answered. */
const EXPECTED_STATUS: Readonly<Record<Sent["kind"], number>> = {
  event: 200,
  duplicate: 200,
  poison: 200,
  invalid: 200,
  forged: 401,
  malformed: 400,
};

/** A queue has no order of its own: its reader goes by the sequence that every delivery carries. */
const UNORDERED_DESTINATIONS = new Set(["/verdicts"]);

export function judge(sent: readonly Sent[], records: readonly SinkRecord[]): Judgement {
  const effects = records.flatMap(effectOf);
  const expected = sent.filter((one) => one.kind === "event" && one.word !== "unrouted");
  const byReference = Map.groupBy(effects, (effect) => effect.reference);
  const latencies = expected
    .flatMap((one) => {
      const first = byReference.get(one.sample.id)?.[0];
      return first === undefined ? [] : [first.receivedAtMs - one.sentAtMs];
    })
    .sort((left, right) => left - right);
  const order = judgeOrder(expected, effects);
  return {
    accepted: sent.filter((one) => one.status === 200 && one.kind !== "duplicate").length,
    duplicates: sent.filter((one) => one.kind === "duplicate").length,
    refused: sent.filter((one) => one.status >= 400).length,
    delivered: expected.filter((one) => byReference.has(one.sample.id)).length,
    dead: sent.filter((one) => one.kind === "poison" || one.kind === "invalid").length,
    unrouted: sent.filter((one) => one.word === "unrouted" && one.kind === "event").length,
    missing: expected.filter((one) => !byReference.has(one.sample.id)).map((one) => one.sample.id),
    repeated: [...byReference].filter(([, same]) => same.length > 1).map(([reference]) => reference),
    outOfOrder: order.outOfOrder,
    late: order.late,
    badSignatures: records.filter((record) => record.signatureValid === false && !isUnordered(record)).length,
    wrongAnswers: sent
      .filter((one) => one.status !== EXPECTED_STATUS[one.kind])
      .map((one) => `${one.kind} ${one.sample.type}: ${one.status}`),
    p50Ms: percentile(latencies, 0.5),
    p95Ms: percentile(latencies, 0.95),
  };
}

/** True when every promise held. */
export function isKept(judgement: Judgement): boolean {
  const { missing, repeated, outOfOrder, badSignatures, wrongAnswers } = judgement;
  return (
    [missing, repeated, outOfOrder, wrongAnswers].every((list) => list.length === 0) && badSignatures === 0
  );
}

function isUnordered(record: SinkRecord): boolean {
  return UNORDERED_DESTINATIONS.has(record.path);
}

function effectOf(record: SinkRecord): Effect[] {
  const data = member(record.body, "data");
  const reference = member(data, "reference");
  if (typeof reference !== "string") return [];
  const sequence = Number(record.sluiceHeaders["x-sluice-sequence"]);
  const late = record.sluiceHeaders["x-sluice-late"] === "true";
  return [{ reference, destination: record.path, receivedAtMs: record.receivedAtMs, sequence, late }];
}

function member(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
}

/** Per customer: effects must come in the order in which the customer's events were acknowledged. */
function judgeOrder(expected: readonly Sent[], effects: readonly Effect[]) {
  const placeByReference = new Map(
    expected.map((one, place) => [one.sample.id, { place, customer: customerOf(one) }]),
  );
  const byCustomer = Map.groupBy(
    effects.filter((effect) => placeByReference.has(effect.reference)),
    (effect) => `${placeByReference.get(effect.reference)?.customer ?? ""} ${effect.destination}`,
  );
  const outOfOrder: string[] = [];
  let late = 0;
  for (const list of byCustomer.values()) {
    const bySequence = UNORDERED_DESTINATIONS.has(list[0]?.destination ?? "");
    const inOrder = bySequence ? list.toSorted((left, right) => left.sequence - right.sequence) : list;
    let reached = -1;
    for (const effect of inOrder) {
      const place = placeByReference.get(effect.reference)?.place ?? -1;
      if (place < reached && effect.late) late++;
      else if (place < reached) outOfOrder.push(effect.reference);
      reached = Math.max(reached, place);
    }
  }
  return { outOfOrder, late };
}

/** Without a customer there is no order to keep: each such event is a customer of its own. */
function customerOf({ sample }: Sent): string {
  return `${sample.sender}:${sample.customer ?? sample.id}`;
}

function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}
