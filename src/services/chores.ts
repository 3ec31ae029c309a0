/**
 * What the cron does every minute, by name. The chores run beside each other, and each ledger is swept and forgets by
 * itself: a ledger that is down, or hangs, keeps nothing else from being done.
 */
import type { GatewayConfig } from "../config/gateway-options.ts";
import { LIMITS } from "../config/limits.ts";
import { messageOf } from "../core/result.ts";
import { sweepPartitions, type SweepDependencies } from "../lanes/sweep.ts";
import type { LedgerBindings } from "../ledger/bindings.ts";
import { createOpenPartitions } from "../ledger/open-partitions.ts";
import { retireLedger } from "../ledger/retention.ts";
import type { PerJurisdiction } from "../platform/jurisdictions.ts";
import type { Logger } from "../telemetry/log.ts";
import type { TelemetryServices } from "./telemetry.ts";

export interface ChoreParts {
  readonly config: Pick<GatewayConfig, "ledger">;
  readonly ledgers: PerJurisdiction<LedgerBindings>;
  readonly partitions: SweepDependencies["partitions"];
  readonly watch: Pick<TelemetryServices, "minute" | "flushIfDue">;
  readonly stepReplay: () => Promise<void>;
  readonly nowMs: () => number;
  readonly log: Logger;
}

type Chore = readonly [name: string, work: () => Promise<void>];

export function createChores(parts: ChoreParts): ReadonlyMap<string, () => Promise<void>> {
  const { config, ledgers, partitions, watch, stepReplay, nowMs, log } = parts;
  const ofEach = (name: string, work: (database: D1Database) => Promise<void>): Chore[] =>
    ledgers.entries.map(([jurisdiction, { database }]) => [
      jurisdiction === "none" ? name : `${name}-${jurisdiction}`,
      () => work(database),
    ]);
  return new Map([
    ...ofEach("sweep", (database) => {
      const openPartitions = createOpenPartitions(database);
      return sweepPartitions({ openPartitions, partitions, nowMs, log, limits: LIMITS.lanes });
    }),
    ["watch", () => watch.minute()],
    ["counts", () => watch.flushIfDue()],
    ...ofEach("retention", async (database) => {
      await retireLedger({ database, retainDays: config.ledger.retainDays }, nowMs());
    }),
    ["replays", stepReplay],
  ] satisfies Chore[]);
}

/** Each by itself: neither one that fails nor one that never ends keeps another from its beginning. Never throws. */
export async function runChores(
  chores: ReadonlyMap<string, () => Promise<void>>,
  log: Pick<Logger, "error">,
): Promise<void> {
  await Promise.all(
    [...chores].map(async ([chore, work]) => {
      try {
        await work();
      } catch (thrown) {
        log.error("chore_failed", { chore, error: messageOf(thrown) });
      }
    }),
  );
}
