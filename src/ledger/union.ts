/**
 * Several ledgers as one, for operators: lists are merged in their order and paged as one list, counts are added up, and what
 * is about one partition asks its own ledger. Each is reached through its own bindings; what one says is written to no other.
 */
import type { EventSummary } from "../core/event-summary.ts";
import { jurisdictionOf, partitionOf, type PartitionName } from "../core/ids.ts";
import type { PerJurisdiction } from "../platform/jurisdictions.ts";
import { compareInList, comparePositions, positionIn } from "./filter.ts";
import type { EventLedger, EventPage, EventPageRequest, ExceptionCount, Rollup } from "./port.ts";

export function uniteLedgers(ledgers: PerJurisdiction<EventLedger>): EventLedger {
  const [only, ...others] = ledgers.all;
  if (only !== undefined && others.length === 0) return only;
  return {
    async list(request) {
      const asked = askedFor(ledgers, request.filter.partition);
      const pages = await Promise.all(asked.map((ledger) => ledger.list(request)));
      return mergePages(request, pages);
    },
    async find(id) {
      for (const ledger of ledgers.withCommon(jurisdictionOf(partitionOf(id)))) {
        const found = await ledger.find(id);
        if (found !== null) return found;
      }
      return null;
    },
    async rollups(request) {
      return addRollups((await Promise.all(ledgers.all.map((ledger) => ledger.rollups(request)))).flat());
    },
    async exceptions() {
      return addExceptions((await Promise.all(ledgers.all.map((ledger) => ledger.exceptions()))).flat());
    },
    async erase(partition) {
      for (const ledger of askedFor(ledgers, partition)) await ledger.erase(partition);
    },
  };
}

function askedFor<Value>(
  ledgers: PerJurisdiction<Value>,
  partition: PartitionName | undefined,
): readonly Value[] {
  return partition === undefined ? ledgers.all : ledgers.withCommon(jurisdictionOf(partition));
}

/** One list of several: as far as all of them have been read, and no longer than one page. */
function mergePages({ order, limit }: EventPageRequest, pages: readonly EventPage[]): EventPage {
  const [reach = null] = pages
    .flatMap(({ next }) => next ?? [])
    .sort((left, right) => comparePositions(left, right, order));
  const events = newestVersions(pages.flatMap((page) => page.events))
    .filter((event) => reach === null || comparePositions(positionIn(order, event), reach, order) <= 0)
    .sort((left, right) => compareInList(left, right, order));
  const page = events.slice(0, limit);
  const last = page.at(-1);
  if (events.length > limit && last !== undefined) return { events: page, next: positionIn(order, last) };
  return { events: page, next: reach };
}

/** The common ledger may still have what its own ledger knows better. */
function newestVersions(events: readonly EventSummary[]): EventSummary[] {
  const byId = new Map<string, EventSummary>();
  for (const event of events) {
    const known = byId.get(event.id);
    if (known === undefined || known.version < event.version) byId.set(event.id, event);
  }
  return [...byId.values()];
}

function addRollups(rollups: readonly Rollup[]): Rollup[] {
  return addUp(rollups, keyOfRollup, (left, right) => ({
    ...left,
    ended: left.ended + right.ended,
    late: left.late + right.late,
    retried: left.retried + right.retried,
    latencyMs: left.latencyMs + right.latencyMs,
    latencyCounts: left.latencyCounts.map((count, at) => count + (right.latencyCounts[at] ?? 0)),
    modelCalls: left.modelCalls + right.modelCalls,
    modelCached: left.modelCached + right.modelCached,
    modelMs: left.modelMs + right.modelMs,
    inputTokens: left.inputTokens + right.inputTokens,
    outputTokens: left.outputTokens + right.outputTokens,
    costMicros: left.costMicros + right.costMicros,
  })).sort((left, right) => left.fromMs - right.fromMs || compareText(keyOfRollup(left), keyOfRollup(right)));
}

function keyOfRollup({ fromMs, source, pipeline, state, code }: Rollup): string {
  return JSON.stringify([fromMs, source, pipeline, state, code]);
}

function addExceptions(counts: readonly ExceptionCount[]): ExceptionCount[] {
  const keyOf = ({ state, pipeline }: ExceptionCount) => JSON.stringify([state, pipeline]);
  return addUp(counts, keyOf, (left, right) => ({
    ...left,
    count: left.count + right.count,
    oldestEndedAtMs: earlier(left.oldestEndedAtMs, right.oldestEndedAtMs),
  })).sort((left, right) => compareText(keyOf(left), keyOf(right)));
}

function addUp<Value>(
  values: readonly Value[],
  keyOf: (value: Value) => string,
  add: (left: Value, right: Value) => Value,
): Value[] {
  const sums = new Map<string, Value>();
  for (const value of values) {
    const key = keyOf(value);
    const sum = sums.get(key);
    sums.set(key, sum === undefined ? value : add(sum, value));
  }
  return [...sums.values()];
}

function earlier(left: number | null, right: number | null): number | null {
  return left === null || right === null ? (left ?? right) : Math.min(left, right);
}

function compareText(left: string, right: string): number {
  return Number(left > right) - Number(left < right);
}

interface OpenList<Listed> {
  list(limit: number): Promise<readonly Listed[]>;
  settle(partition: PartitionName): Promise<void>;
}

/** Which partitions have open work, over all ledgers: for operators. The sweep goes through each by itself. */
export function uniteOpenPartitions<Listed extends { readonly dueAtMs: number }>(
  ledgers: PerJurisdiction<OpenList<Listed>>,
): OpenList<Listed> {
  return {
    async list(limit) {
      const lists = await Promise.all(ledgers.all.map((ledger) => ledger.list(limit)));
      return lists
        .flat()
        .sort((left, right) => left.dueAtMs - right.dueAtMs)
        .slice(0, limit);
    },
    async settle(partition) {
      for (const ledger of ledgers.withCommon(jurisdictionOf(partition))) await ledger.settle(partition);
    },
  };
}
