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
  for (const row of tables.results) {
    await env.LEDGER.exec(`DROP TABLE "${z.object({ name: z.string() }).parse(row).name}"`);
  }
  await applyD1Migrations(env.LEDGER, MIGRATIONS().slice(0, version));
  return env.LEDGER;
}

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
