/** Replay jobs as the API shows them: shares, averages and quantiles made of what the job has counted. */
import * as z from "zod";
import { quantileMs } from "../core/latency-histogram.ts";
import type { ModelTotals, ShadowReport } from "../core/replay/shadow-report.ts";
import type { ReplayJob } from "../replay/port.ts";
import { filterSchema, fromStageSchema } from "./schemas.ts";

const totalsSchema = z
  .object({
    calls: z.int(),
    cached: z.int(),
    inputTokens: z.number(),
    outputTokens: z.number(),
    costMicros: z.nullable(z.number()).meta({ description: "null: the model has no price" }),
    p50Ms: z.nullable(z.number()),
    p95Ms: z.nullable(z.number()),
  })
  .meta({ id: "ModelTotals", description: "Latencies of calls; answers from the cache have none." });

const reportSchema = z
  .object({
    compared: z.int(),
    notCompared: z.array(z.object({ why: z.string(), events: z.int() })),
    fields: z
      .array(
        z.object({
          path: z.string(),
          compared: z.int(),
          agreement: z.number().meta({ description: "Share of events in which both say exactly the same" }),
          meanDifference: z.nullable(z.number()).meta({ description: "Of numbers" }),
          largestDifference: z.nullable(z.number()),
        }),
      )
      .meta({
        description: "`output.…`: what the model said; `body.…`: what is delivered. Least agreement first.",
      }),
    changed: z.object({ events: z.int(), share: z.number() }),
    transitions: z.array(z.object({ change: z.string(), events: z.int() })),
    examples: z.array(
      z.object({
        id: z.string(),
        changes: z.array(z.object({ path: z.string(), before: z.unknown(), after: z.unknown() })),
      }),
    ),
    before: totalsSchema,
    after: totalsSchema,
  })
  .meta({ id: "ShadowReport" });

export const replaySchema = z
  .object({
    id: z.string(),
    status: z.enum(["running", "done", "cancelled"]),
    filter: filterSchema.extend({ states: z.optional(z.array(z.string())) }),
    from: fromStageSchema,
    shadow: z.nullable(z.object({ pipeline: z.string(), decisionFields: z.nullable(z.array(z.string())) })),
    ratePerMinute: z.int(),
    maxEvents: z.int(),
    createdAtMs: z.int(),
    createdBy: z.string(),
    updatedAtMs: z.int(),
    progress: z.object({
      seen: z.int(),
      applied: z.int(),
      refused: z
        .int()
        .meta({ description: "Not in a state that allows it, moved on since, or not comparable" }),
      failed: z.int().meta({ description: "Out of reach for too long" }),
      waiting: z.int(),
    }),
    reasons: z
      .array(z.object({ why: z.string(), events: z.int() }))
      .meta({ description: "Why events were refused or given up, the most frequent first" }),
    waitsFor: z
      .nullable(z.object({ reason: z.string(), untilMs: z.nullable(z.number()) }))
      .meta({ description: "What the next step waits for; `untilMs` null: it is tried within a minute" }),
    report: z.nullable(reportSchema),
  })
  .meta({ id: "Replay" });

export function replayViewOf(job: ReplayJob): z.input<typeof replaySchema> {
  const { filter, from, shadow, ratePerMinute, maxEvents } = job.request;
  const { seen, applied, refused, failed, chunk } = job.progress;
  const { states, ...conditions } = filter;
  return {
    id: job.id,
    status: job.status,
    filter: { ...conditions, ...(states === undefined ? {} : { states: [...states] }) },
    from,
    shadow: shadow && {
      pipeline: shadow.pipeline,
      decisionFields: shadow.decisionFields && [...shadow.decisionFields],
    },
    ratePerMinute,
    maxEvents,
    createdAtMs: job.createdAtMs,
    createdBy: job.createdBy,
    updatedAtMs: job.updatedAtMs,
    progress: { seen, applied, refused, failed, waiting: chunk.length },
    reasons: countsOf(job.why?.counts ?? {}).map(([why, events]) => ({ why, events })),
    waitsFor: job.status === "running" ? waitOf(job) : null,
    report: job.report && reportViewOf(job.report),
  };
}

function waitOf({ why }: ReplayJob): z.input<typeof replaySchema>["waitsFor"] {
  const waiting = why?.waiting ?? null;
  return waiting && { reason: waiting.reason, untilMs: waiting.untilMs === 0 ? null : waiting.untilMs };
}

function reportViewOf(report: ShadowReport): z.input<typeof reportSchema> {
  const fields = Object.entries(report.fields).map(([path, field]) => ({
    path,
    compared: field.compared,
    agreement: shareOf(field.equal, field.compared),
    meanDifference: field.numbers === 0 ? null : field.difference / field.numbers,
    largestDifference: field.numbers === 0 ? null : field.largest,
  }));
  return {
    compared: report.compared,
    notCompared: countsOf(report.notCompared).map(([why, events]) => ({ why, events })),
    fields: fields.sort((left, right) => left.agreement - right.agreement),
    changed: { events: report.changed, share: shareOf(report.changed, report.compared) },
    transitions: countsOf(report.transitions).map(([change, events]) => ({ change, events })),
    examples: report.examples.map(({ id, changes }) => ({ id, changes: [...changes] })),
    before: totalsOf(report.before),
    after: totalsOf(report.after),
  };
}

function totalsOf(totals: ModelTotals): z.input<typeof totalsSchema> {
  const { latencyCounts, priced, costMicros, ...counts } = totals;
  return {
    ...counts,
    costMicros: priced === 0 ? null : costMicros,
    p50Ms: quantileMs(latencyCounts, 0.5),
    p95Ms: quantileMs(latencyCounts, 0.95),
  };
}

function countsOf(counts: Readonly<Record<string, number>>): [string, number][] {
  return Object.entries(counts).sort(([, left], [, right]) => right - left);
}

function shareOf(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole;
}
