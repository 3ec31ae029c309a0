/**
 * The ledgers of the env: the common one, and those that a jurisdiction has of its own. A ledger is a database and the queue
 * before it; half of one is refused at the start, because summaries would leave the jurisdiction by the other half.
 */
import type { Jurisdiction } from "../core/ids.ts";
import { bindingSuffix, isQueue, PerJurisdiction } from "../platform/jurisdictions.ts";

export interface LedgerBindings {
  readonly jurisdiction: Jurisdiction;
  readonly database: D1Database;
  readonly telemetry: Pick<Queue, "send">;
}

/** @throws Error naming the binding that is missing */
export function findLedgers(
  binding: (name: string) => unknown,
  common: Pick<LedgerBindings, "database" | "telemetry">,
): PerJurisdiction<LedgerBindings> {
  return new PerJurisdiction<LedgerBindings>({ jurisdiction: "none", ...common }, (jurisdiction) => {
    const suffix = bindingSuffix(jurisdiction);
    const database = binding(`LEDGER${suffix}`);
    const telemetry = binding(`TELEMETRY${suffix}`);
    if (database === undefined && telemetry === undefined) return null;
    if (!isDatabase(database)) throw missing("D1 database", `LEDGER${suffix}`, `TELEMETRY${suffix}`);
    if (!isQueue(telemetry)) throw missing("queue producer", `TELEMETRY${suffix}`, `LEDGER${suffix}`);
    return { jurisdiction, database, telemetry };
  });
}

function missing(kind: string, name: string, other: string): Error {
  return new Error(
    `wrangler.toml: "${other}" is bound without its other half. Add a ${kind} named "${name}"`,
  );
}

function isDatabase(value: unknown): value is D1Database {
  return typeof value === "object" && value !== null && "prepare" in value && "batch" in value;
}
