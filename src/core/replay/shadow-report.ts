/**
 * What a shadow run found: where another pipeline's outputs agree with the stored ones, what would have been decided
 * otherwise, what it costs and how fast it is. Pure; grows with the number of fields, not of events.
 */
import * as z from "zod";
import { LATENCY_BUCKETS, latencyBucketOf } from "../latency-histogram.ts";
import type { EventId } from "../ids.ts";
import type { JsonValue } from "../json.ts";
import type { ModelRecord, StoredOutput } from "../partition/model.ts";
import { compareFields, type ComparedField } from "./compare.ts";

const fieldSchema = z.readonly(
  z.object({
    compared: z.int(),
    equal: z.int(),
    /** Events in which both values were numbers, and how far apart these were. */
    numbers: z.int(),
    difference: z.number(),
    largest: z.number(),
  }),
);

const totalsSchema = z.readonly(
  z.object({
    calls: z.int(),
    cached: z.int(),
    inputTokens: z.number(),
    outputTokens: z.number(),
    /** Events whose model has a price. */
    priced: z.int(),
    costMicros: z.number(),
    latencyCounts: z.readonly(z.array(z.int())),
  }),
);
export type ModelTotals = z.infer<typeof totalsSchema>;

/** Read back from JSON, so it is some. */
const jsonSchema = z.custom<JsonValue>(() => true);

const changeSchema = z.readonly(z.object({ path: z.string(), before: jsonSchema, after: jsonSchema }));

export const shadowReportSchema = z.readonly(
  z.object({
    v: z.literal(1),
    compared: z.int(),
    /** Events that could not be compared, by why. */
    notCompared: z.readonly(z.record(z.string(), z.int())),
    fields: z.readonly(z.record(z.string(), fieldSchema)),
    /** Events with another decision. */
    changed: z.int(),
    /** `body.verdict: "approve" → "hold"`, and how often. */
    transitions: z.readonly(z.record(z.string(), z.int())),
    examples: z.readonly(
      z.array(z.readonly(z.object({ id: z.string(), changes: z.readonly(z.array(changeSchema)) }))),
    ),
    before: totalsSchema,
    after: totalsSchema,
  }),
);
export type ShadowReport = z.infer<typeof shadowReportSchema>;

/** Bounds of what one report holds. */
export interface ReportLimits {
  readonly maxFields: number;
  readonly maxTransitions: number;
  readonly maxExamples: number;
}

const NO_TOTALS: ModelTotals = {
  calls: 0,
  cached: 0,
  inputTokens: 0,
  outputTokens: 0,
  priced: 0,
  costMicros: 0,
  latencyCounts: Array.from({ length: LATENCY_BUCKETS }, () => 0),
};

export const EMPTY_REPORT: ShadowReport = {
  v: 1,
  compared: 0,
  notCompared: {},
  fields: {},
  changed: 0,
  transitions: {},
  examples: [],
  before: NO_TOTALS,
  after: NO_TOTALS,
};

export interface Comparison {
  readonly id: EventId;
  readonly before: StoredOutput;
  readonly after: StoredOutput;
  /** Paths below the body; null: every text and truth value in it. */
  readonly decisionFields: readonly string[] | null;
  /** The report may hold nothing of what they say, only how often they agree. */
  readonly hidesValues?: boolean;
}

export function addComparison(
  report: ShadowReport,
  { id, before, after, decisionFields, hidesValues = false }: Comparison,
  limits: ReportLimits,
): ShadowReport {
  const outputs = compareFields(before.value, after.value, "output", limits.maxFields);
  const bodies = compareFields(before.body, after.body, "body", limits.maxFields);
  const changes = bodies.filter((field) => !field.isEqual && isDecision(field, decisionFields));
  const isExample = !hidesValues && changes.length > 0 && report.examples.length < limits.maxExamples;
  const example = { id, changes: changes.map(({ path, before, after }) => ({ path, before, after })) };
  return {
    ...report,
    compared: report.compared + 1,
    fields: addFields(report.fields, [...outputs, ...bodies], limits.maxFields),
    changed: report.changed + Number(changes.length > 0),
    transitions: (hidesValues ? [] : changes).reduce(
      (counts, change) => counted(counts, transitionOf(change), limits.maxTransitions),
      report.transitions,
    ),
    examples: isExample ? [...report.examples, example] : report.examples,
    before: addModel(report.before, before.model),
    after: addModel(report.after, after.model),
  };
}

export function addUncompared(
  report: ShadowReport,
  why: string,
  { maxTransitions }: ReportLimits,
): ShadowReport {
  return { ...report, notCompared: counted(report.notCompared, why, maxTransitions) };
}

function isDecision({ path, before, after }: ComparedField, fields: Comparison["decisionFields"]): boolean {
  if (fields !== null) return fields.some((field) => path === `body.${field}`);
  return [before, after].every(
    (value) => value === null || typeof value === "string" || typeof value === "boolean",
  );
}

function transitionOf({ path, before, after }: ComparedField): string {
  return `${path}: ${shortened(before)} → ${shortened(after)}`;
}

const MAX_VALUE_CHARACTERS = 60;

function shortened(value: JsonValue): string {
  const text = JSON.stringify(value);
  return text.length > MAX_VALUE_CHARACTERS ? `${text.slice(0, MAX_VALUE_CHARACTERS)}…` : text;
}

/** Beyond the bound what is new is counted together. */
function counted(
  counts: Readonly<Record<string, number>>,
  key: string,
  maxKeys: number,
): Readonly<Record<string, number>> {
  const known = Object.hasOwn(counts, key) || Object.keys(counts).length < maxKeys;
  const name = known ? key : "others";
  return { ...counts, [name]: (Object.hasOwn(counts, name) ? (counts[name] ?? 0) : 0) + 1 };
}

function addFields(
  fields: ShadowReport["fields"],
  compared: readonly ComparedField[],
  maxFields: number,
): ShadowReport["fields"] {
  const added = new Map(Object.entries(fields));
  for (const { path, before, after, isEqual } of compared) {
    const known = added.get(path);
    if (known === undefined && added.size >= maxFields) continue;
    const so = known ?? { compared: 0, equal: 0, numbers: 0, difference: 0, largest: 0 };
    const areNumbers = typeof before === "number" && typeof after === "number";
    const difference = areNumbers ? Math.abs(after - before) : 0;
    added.set(path, {
      compared: so.compared + 1,
      equal: so.equal + Number(isEqual),
      numbers: so.numbers + Number(areNumbers),
      difference: so.difference + difference,
      largest: Math.max(so.largest, difference),
    });
  }
  return Object.fromEntries(added);
}

function addModel(totals: ModelTotals, model: ModelRecord | null): ModelTotals {
  if (model === null) return totals;
  // An answer from the cache says nothing about how fast the model is.
  const bucket = model.cached ? -1 : latencyBucketOf(model.durationMs);
  return {
    calls: totals.calls + Number(!model.cached),
    cached: totals.cached + Number(model.cached),
    inputTokens: totals.inputTokens + model.inputTokens,
    outputTokens: totals.outputTokens + model.outputTokens,
    priced: totals.priced + Number(model.costMicros !== null),
    costMicros: totals.costMicros + (model.costMicros ?? 0),
    latencyCounts: totals.latencyCounts.map((count, index) => count + Number(index === bucket)),
  };
}
