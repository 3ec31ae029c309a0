/** Alerts in D1: what is watched, what has still to be told, what was usual, and the incidents for people to look up. */
import * as z from "zod";
import {
  watchStateSchema,
  type Notice,
  type OpenIncident,
  type WatchState,
} from "../../core/alerts/machine.ts";
import type { PastMinute, Span } from "../../core/alerts/baseline.ts";
import { isRuleName, type RuleName } from "../../core/alerts/rules.ts";

/** A notice and the receivers that have it. */
export interface PendingNotice {
  readonly notice: Notice;
  /** Indexes of the config's webhooks. */
  readonly sentTo: readonly number[];
}

export interface Watching {
  readonly version: number;
  readonly state: WatchState;
  readonly outbox: readonly PendingNotice[];
}

export interface Incident {
  readonly incident: string;
  readonly rule: RuleName;
  readonly subject: readonly string[];
  readonly openedAtMs: number;
  readonly resolvedAtMs: number | null;
  readonly limit: number;
  readonly peak: number;
}

/** What is being watched, and what has still to be told. */
export interface StateStore {
  load(): Promise<Watching>;
  /** @returns false when somebody else has written since: nothing was */
  save(watching: Watching, values: PastMinute, notices: readonly Notice[]): Promise<boolean>;
  /** Under the version that was saved; a newer one has this work done. */
  saveOutbox(version: number, outbox: readonly PendingNotice[]): Promise<void>;
}

export interface AlertStore extends StateStore {
  /** For people to look up: what another store watches. Again the same changes nothing. */
  list(notices: readonly Notice[]): Promise<void>;
  past(spans: readonly Span[]): Promise<readonly PastMinute[]>;
  forget(beforeMs: number): Promise<void>;
  /** The newest first. */
  incidents(limit: number): Promise<readonly Incident[]>;
}

const parsedText = <Schema extends z.ZodType>(schema: Schema) =>
  z
    .string()
    .transform((text): unknown => JSON.parse(text))
    .pipe(schema);

const incidentSchema = z.custom<OpenIncident>(
  (value) => watchStateSchema.safeParse({ incident: value }).success,
);
const noticeSchema = z.object({
  kind: z.enum(["opened", "resolved"]),
  incident: incidentSchema,
  atMs: z.int(),
});
const outboxSchema = z.array(z.object({ notice: noticeSchema, sentTo: z.array(z.int()) }));
const watchRow = z.object({
  version: z.int(),
  state: parsedText(watchStateSchema),
  outbox: parsedText(outboxSchema),
});
/** The same, as one JSON value. */
export const watchingSchema = z.object({
  version: z.int(),
  state: watchStateSchema,
  outbox: outboxSchema,
});
const minuteRow = z.object({
  minute_ms: z.int(),
  readings: parsedText(z.record(z.string(), z.number())),
});
const incidentRow = z.object({
  incident: z.string(),
  rule: z.custom<RuleName>((name) => typeof name === "string" && isRuleName(name)),
  subject: parsedText(z.array(z.string())),
  opened_at_ms: z.int(),
  resolved_at_ms: z.nullable(z.int()),
  threshold: z.number(),
  peak: z.number(),
});

export function createAlertStore(database: D1Database): AlertStore {
  const isOurs = "EXISTS (SELECT 1 FROM alert_watch WHERE version = ?1)";
  /** @param version the list gets it only while this is in force; null: in any case */
  const listed = ({ kind, incident, atMs }: Notice, version: number | null) =>
    database
      .prepare(
        `INSERT INTO alert_incidents
           (incident, rule, subject, opened_at_ms, resolved_at_ms, threshold, peak)
         SELECT ?2, ?3, ?4, ?5, ?6, ?7, ?8 WHERE ?1 IS NULL OR ${isOurs}
         ON CONFLICT (incident) DO UPDATE SET resolved_at_ms = ?6, peak = ?8`,
      )
      .bind(
        version,
        incident.incident,
        incident.rule,
        JSON.stringify(incident.subject),
        incident.openedAtMs,
        kind === "resolved" ? atMs : null,
        incident.limit,
        incident.peak,
      );
  return {
    async load() {
      const row = await database
        .prepare("SELECT version, state, outbox FROM alert_watch WHERE id = 1")
        .first();
      return watchRow.parse(row);
    },

    async save({ version, state, outbox }, { minuteMs, values }, notices) {
      const next = version + 1;
      const [updated] = await database.batch([
        database
          .prepare(
            "UPDATE alert_watch SET version = ?1, state = ?2, outbox = ?3 WHERE id = 1 AND version = ?4",
          )
          .bind(next, JSON.stringify(state), JSON.stringify(outbox), version),
        database
          .prepare(`INSERT OR REPLACE INTO alert_minutes (minute_ms, readings) SELECT ?2, ?3 WHERE ${isOurs}`)
          .bind(next, minuteMs, JSON.stringify(values)),
        ...notices.map((notice) => listed(notice, next)),
      ]);
      return updated?.meta.changes === 1;
    },

    async saveOutbox(version, outbox) {
      await database
        .prepare("UPDATE alert_watch SET outbox = ?2 WHERE id = 1 AND version = ?1")
        .bind(version, JSON.stringify(outbox))
        .run();
    },

    async list(notices) {
      await database.batch(notices.map((notice) => listed(notice, null)));
    },

    async past(spans) {
      const select = database.prepare(
        "SELECT minute_ms, readings FROM alert_minutes WHERE minute_ms >= ?1 AND minute_ms < ?2",
      );
      const found = await database.batch(spans.map(({ fromMs, untilMs }) => select.bind(fromMs, untilMs)));
      return found.flatMap(({ results }) =>
        results.map((row) => {
          const { minute_ms: minuteMs, readings: values } = minuteRow.parse(row);
          return { minuteMs, values };
        }),
      );
    },

    async forget(beforeMs) {
      await database.batch([
        database.prepare("DELETE FROM alert_minutes WHERE minute_ms < ?1").bind(beforeMs),
        database
          .prepare("DELETE FROM alert_incidents WHERE resolved_at_ms < ?1")
          .bind(beforeMs - KEEP_INCIDENTS_MS),
      ]);
    },

    async incidents(limit) {
      const found = await database
        .prepare("SELECT * FROM alert_incidents ORDER BY opened_at_ms DESC LIMIT ?1")
        .bind(limit)
        .all();
      return found.results.map((value) => {
        const row = incidentRow.parse(value);
        return {
          incident: row.incident,
          rule: row.rule,
          subject: row.subject,
          openedAtMs: row.opened_at_ms,
          resolvedAtMs: row.resolved_at_ms,
          limit: row.threshold,
          peak: row.peak,
        };
      });
    },
  };
}

/** Beyond the minutes' own time: people look back further than baselines do. */
const KEEP_INCIDENTS_MS = 75 * 86_400_000;
