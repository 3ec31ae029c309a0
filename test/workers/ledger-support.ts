/** The ledger's database as a test wants it: empty, in any version of its schema; and messages as its queue brings them. */
import { applyD1Migrations, type D1Migration } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { inject } from "vitest";
import * as z from "zod";
import type { EventSummary } from "../../src/core/event-summary.ts";
import type { TelemetryDelivery } from "../../src/ledger/consumer.ts";

declare module "vitest" {
  interface ProvidedContext {
    ledgerMigrations: D1Migration[];
  }
}

export const MIGRATIONS = () => inject("ledgerMigrations");

/** @param version how many migrations have run; default: all */
export async function emptyLedger(version = MIGRATIONS().length): Promise<D1Database> {
  const tables = await env.LEDGER.prepare(
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE '\\_cf%' ESCAPE '\\'",
  ).all();
  const names = tables.results.map((row) => z.object({ name: z.string() }).parse(row).name);
  const applied = names.includes(JOURNAL)
    ? await env.LEDGER.prepare(`SELECT COUNT(*) AS count FROM ${JOURNAL}`).first("count")
    : 0;
  // Making the tables anew is slow, so that is done only where another version is wanted.
  const isSame = applied === version && version === MIGRATIONS().length;
  const statements = isSame
    ? EMPTIED.map((name) => `DELETE FROM "${name}"`)
    : names.map((name) => `DROP TABLE "${name}"`);
  if (statements.length > 0)
    await env.LEDGER.batch(statements.map((statement) => env.LEDGER.prepare(statement)));
  if (!isSame) await applyD1Migrations(env.LEDGER, MIGRATIONS().slice(0, version));
  return env.LEDGER;
}

/** What tests of the ledger and the operator API fill. */
const EMPTIED = [
  "open_partitions",
  "events",
  "packed_events",
  "rollups",
  "api_tokens",
  "ended_sessions",
  "audit",
  "replays",
] as const;

/** Where `applyD1Migrations` notes what has run. */
const JOURNAL = "d1_migrations";

/** A telemetry message; remembers what became of it. */
export class Delivery implements TelemetryDelivery {
  readonly id = crypto.randomUUID();
  readonly timestamp = new Date(1_700_000_000_000);
  attempts = 1;
  verdict: "none" | "ack" | "retry" = "none";
  delaySeconds = 0;
  readonly body: unknown;

  constructor(body: unknown) {
    this.body = body;
  }

  ack(): void {
    if (this.verdict === "none") this.verdict = "ack";
  }

  retry(options: { delaySeconds?: number } = {}): void {
    if (this.verdict === "none") this.verdict = "retry";
    this.delaySeconds = options.delaySeconds ?? 0;
  }

  /** As the queue brings it the next time. */
  again(): void {
    this.attempts++;
    this.verdict = "none";
  }
}

export function eventsMessage(...events: readonly EventSummary[]): Delivery {
  return new Delivery({ v: 1, kind: "events", events });
}
