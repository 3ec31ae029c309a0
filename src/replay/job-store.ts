/** Replay jobs in D1. A job is one JSON value; what guards its writes are columns beside it. */
import * as z from "zod";
import { eventSummarySchema } from "../core/event-summary.ts";
import { partitionNameSchema } from "../core/ids.ts";
import { replayProgressSchema } from "../core/replay/progress.ts";
import { shadowReportSchema } from "../core/replay/shadow-report.ts";
import type { ReplayDriver, ReplayJob, ReplayJobs } from "./port.ts";

const filterSchema = z.object({
  states: z.optional(z.array(eventSummarySchema.shape.state)),
  source: z.optional(z.string()),
  type: z.optional(z.string()),
  pipeline: z.optional(z.string()),
  partition: z.optional(partitionNameSchema),
  customer: z.optional(z.string()),
  dedupeKey: z.optional(z.string()),
  code: z.optional(z.string()),
  late: z.optional(z.boolean()),
  fromMs: z.optional(z.int()),
  toMs: z.optional(z.int()),
});

const jobSchema = z.object({
  v: z.literal(1),
  request: z.object({
    filter: filterSchema,
    from: z.enum(["parse", "deliver"]),
    ratePerMinute: z.int(),
    maxEvents: z.int(),
    shadow: z.nullable(z.object({ pipeline: z.string(), decisionFields: z.nullable(z.array(z.string())) })),
  }),
  createdBy: z.string(),
  progress: replayProgressSchema,
  report: z.nullable(shadowReportSchema),
  why: z.optional(
    z.object({
      counts: z.record(z.string(), z.int()),
      waiting: z.nullable(z.object({ reason: z.string(), untilMs: z.number() })),
    }),
  ),
});

const rowSchema = z.object({
  id: z.string(),
  status: z.enum(["running", "done", "cancelled"]),
  created_at_ms: z.int(),
  updated_at_ms: z.int(),
  job: z.string(),
});

export function createReplayJobs(database: D1Database): ReplayJobs & ReplayDriver {
  return {
    async create(job) {
      await database
        .prepare(
          `INSERT INTO replays (id, status, created_at_ms, updated_at_ms, holder, held_until_ms, job)
           VALUES (?, ?, ?, ?, '', 0, ?)`,
        )
        .bind(job.id, job.status, job.createdAtMs, job.updatedAtMs, textOf(job))
        .run();
    },
    async find(id) {
      const row = await database.prepare("SELECT * FROM replays WHERE id = ?").bind(id).first();
      return row === null ? null : jobOf(row);
    },
    async list(limit) {
      const found = await database
        .prepare("SELECT * FROM replays ORDER BY created_at_ms DESC, id DESC LIMIT ?")
        .bind(limit)
        .all();
      return found.results.map(jobOf);
    },
    async cancel(id, atMs) {
      const result = await database
        .prepare(
          "UPDATE replays SET status = 'cancelled', updated_at_ms = ?2 WHERE id = ?1 AND status = 'running'",
        )
        .bind(id, atMs)
        .run();
      return result.meta.changes > 0;
    },
    async claim(limit, holder, nowMs, untilMs) {
      const found = await database
        .prepare(
          `UPDATE replays SET holder = ?1, held_until_ms = ?2 WHERE id IN (SELECT id FROM replays
             WHERE status = 'running' AND held_until_ms <= ?3 ORDER BY created_at_ms LIMIT ?4) RETURNING *`,
        )
        .bind(holder, untilMs, nowMs, limit)
        .all();
      return found.results.map(jobOf);
    },
    async save(job, holder, untilMs) {
      const result = await database
        .prepare(
          `UPDATE replays SET status = ?3, updated_at_ms = ?4, held_until_ms = ?5, job = ?6
           WHERE id = ?1 AND holder = ?2 AND status = 'running'`,
        )
        .bind(job.id, holder, job.status, job.updatedAtMs, untilMs, textOf(job))
        .run();
      return result.meta.changes > 0;
    },
  };
}

function textOf({ request, createdBy, progress, report, why }: ReplayJob): string {
  return JSON.stringify({ v: 1, request, createdBy, progress, report, why });
}

function jobOf(value: unknown): ReplayJob {
  const row = rowSchema.parse(value);
  const { v: _, ...job } = jobSchema.parse(JSON.parse(row.job));
  return {
    id: row.id,
    status: row.status,
    createdAtMs: row.created_at_ms,
    updatedAtMs: row.updated_at_ms,
    ...job,
  };
}
