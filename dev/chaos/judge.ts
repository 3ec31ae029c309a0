/**
 * What really happened, decided from the records on disk alone: what senders were told, what the sink and the model
 * server saw, and when the runtime lived. How the gateway says an event ended only explains a missing effect.
 */
import type { SinkRecord } from "../sink/sink-record.ts";
import { judgeCalls, type CallJudgement } from "./judge-calls.ts";
import { referenceOf, type Ack, type End, type Records } from "./records.ts";

export interface Ledger {
  readonly acknowledged: number;
  readonly delivered: number;
  /** Ended as a dead letter: listed, replayable. */
  readonly dead: number;
  /** In review, filtered or expired: listed too. */
  readonly endedOtherwise: number;
  readonly lost: readonly string[];
  /** An effect again, under the idempotency key of the first: a receiver that looks at it sees one. */
  readonly sameKey: number;
  /** Of these, the ones after a try that the gateway noted as failed: a time-out, on a busy machine. */
  readonly sameKeyAfterSetback: number;
  /** Of these, the ones that nothing explains. */
  readonly sameKeyUnexplained: readonly string[];
  readonly differentKey: readonly string[];
  readonly outOfOrderMarked: number;
  readonly outOfOrderUnmarked: readonly string[];
  readonly badSignatures: number;
  readonly calls: CallJudgement;
  readonly kills: number;
  readonly starts: number;
  readonly recoveryMs: readonly number[];
}

interface Effect {
  readonly reference: string;
  readonly key: string;
  readonly destination: string;
  readonly receivedAtMs: number;
  readonly late: boolean;
}

/** Reached through a queue, which signs nothing. */
const UNSIGNED_PATH = "/verdicts";

export function judge(records: Records): Ledger {
  const { acks, deliveries, life, ends } = records;
  const effects = deliveries.flatMap(effectOf);
  const byReference = Map.groupBy(effects, (effect) => effect.reference);
  const killsAtMs = life.filter(({ what }) => what === "kill").map(({ atMs }) => atMs);
  // The last link that was asked about is the one that a chain ended with.
  const stateByReference = new Map(ends.map((end) => [end.reference, end.state]));
  const without = acks.filter(({ reference }) => !byReference.has(reference));
  const stateOf = (ack: Ack): string => stateByReference.get(ack.reference) ?? "unknown";
  const dead = without.filter((ack) => stateOf(ack) === "dead");
  const otherwise = without.filter((ack) => ["review", "filtered", "expired"].includes(stateOf(ack)));
  const lost = without.filter((ack) => !dead.includes(ack) && !otherwise.includes(ack));
  return {
    acknowledged: acks.length,
    delivered: acks.length - without.length,
    dead: dead.length,
    endedOtherwise: otherwise.length,
    lost: lost.map((ack) => `${ack.customer} ${ack.reference} ${ack.eventId} (${stateOf(ack)})`),
    ...judgeRepeats([...byReference.values()], killsAtMs, ends),
    ...judgeOrder(acks, firstEffects(effects)),
    badSignatures: deliveries.filter((one) => one.signatureValid === false && one.path !== UNSIGNED_PATH)
      .length,
    calls: judgeCalls(records, killsAtMs),
    kills: killsAtMs.length,
    starts: life.filter(({ what }) => what === "start").length,
    recoveryMs: judgeRecovery(records, firstEffects(effects)),
  };
}

/** True when every promise held. */
export function isKept(ledger: Ledger): boolean {
  const { lost, sameKeyUnexplained, differentKey, outOfOrderUnmarked, badSignatures, calls } = ledger;
  const callsBroken = [...calls.unexplained, ...calls.afterStored];
  const broken = [lost, sameKeyUnexplained, differentKey, outOfOrderUnmarked, callsBroken];
  return broken.every((list) => list.length === 0) && badSignatures === 0;
}

function effectOf(record: SinkRecord): Effect[] {
  const reference = referenceOf(record);
  if (reference === null) return [];
  const { webhookId, path, receivedAtMs, sluiceHeaders } = record;
  const late = sluiceHeaders["x-sluice-late"] === "true";
  return [{ reference, key: webhookId ?? "", destination: path, receivedAtMs, late }];
}

function firstEffects(effects: readonly Effect[]): readonly Effect[] {
  const seen = new Set<string>();
  return effects.filter(({ reference }) => !seen.has(reference) && seen.add(reference));
}

function judgeRepeats(
  groups: readonly (readonly Effect[])[],
  killsAtMs: readonly number[],
  ends: readonly End[],
) {
  const endsByReference = Map.groupBy(ends, (end) => end.reference);
  let sameKey = 0;
  let sameKeyAfterSetback = 0;
  const sameKeyUnexplained: string[] = [];
  const differentKey: string[] = [];
  for (const [first, ...repeats] of groups) {
    if (first === undefined) continue;
    const setbacksAtMs = (endsByReference.get(first.reference) ?? []).flatMap((end) => end.setbacksAtMs);
    let before = first;
    for (const repeat of repeats) {
      const { receivedAtMs } = before;
      const killed = killsAtMs.some(
        (atMs) => atMs >= receivedAtMs && atMs <= receivedAtMs + RECORDED_WITHIN_MS,
      );
      const setBack = setbacksAtMs.some((atMs) => atMs >= receivedAtMs && atMs <= repeat.receivedAtMs);
      if (repeat.key !== first.key) differentKey.push(`${repeat.reference}: ${first.key} and ${repeat.key}`);
      else if (killed || setBack) {
        sameKey++;
        if (!killed) sameKeyAfterSetback++;
      } else {
        sameKey++;
        sameKeyUnexplained.push(`${repeat.reference}, ${repeat.receivedAtMs - receivedAtMs} ms later`);
      }
      before = repeat;
    }
  }
  return { sameKey, sameKeyAfterSetback, sameKeyUnexplained, differentKey };
}

/** Between the sink's receipt and the partition's record. Most of it is the sink's own latency and a busy machine. */
const RECORDED_WITHIN_MS = 5_000;

/** Per customer: first effects must come in the order in which the customer's events were acknowledged. */
function judgeOrder(acks: readonly Ack[], effects: readonly Effect[]) {
  const placeByReference = new Map(
    acks.map(({ reference, customer }, place) => [reference, { place, customer }]),
  );
  const reachedByCustomer = new Map<string, { place: number; reference: string }>();
  const outOfOrderUnmarked: string[] = [];
  let outOfOrderMarked = 0;
  for (const effect of effects) {
    const own = placeByReference.get(effect.reference);
    if (own === undefined) continue;
    const reached = reachedByCustomer.get(own.customer);
    if (reached === undefined || own.place > reached.place) {
      reachedByCustomer.set(own.customer, { place: own.place, reference: effect.reference });
    } else if (effect.late) {
      outOfOrderMarked++;
    } else {
      outOfOrderUnmarked.push(`${own.customer}: ${effect.reference} after ${reached.reference}`);
    }
  }
  return { outOfOrderMarked, outOfOrderUnmarked };
}

/** From each start to the first new effect; a start that was killed before one has no time. */
function judgeRecovery({ life }: Records, effects: readonly Effect[]): readonly number[] {
  const starts = life.filter(({ what }) => what === "start").slice(1);
  const kills = life.filter(({ what }) => what === "kill");
  return starts
    .flatMap(({ atMs }) => {
      const endMs = kills.find((kill) => kill.atMs > atMs)?.atMs ?? Number.POSITIVE_INFINITY;
      const first = effects.find(({ receivedAtMs }) => receivedAtMs >= atMs && receivedAtMs < endMs);
      return first === undefined ? [] : [first.receivedAtMs - atMs];
    })
    .sort((left, right) => left - right);
}
