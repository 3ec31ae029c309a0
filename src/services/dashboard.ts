/** The dashboard's part of the composition root. The operator API, which it is made over, is added by `app.ts`. */
import { createEndedSessions } from "../dashboard/ended-sessions.ts";
import type { DashboardDependencies } from "../dashboard/port.ts";
import type { OperatorDependencies } from "../operator/port.ts";
import type { LedgerBindings } from "../ledger/bindings.ts";
import type { PerJurisdiction } from "../platform/jurisdictions.ts";
import { createMetricsPast, unitePast } from "../telemetry/past.ts";
import type { TelemetryServices } from "./telemetry.ts";

export type DashboardServices = Omit<DashboardDependencies, "api">;

export interface DashboardParts {
  readonly ledgers: PerJurisdiction<LedgerBindings>;
  /** The common ledger. */
  readonly database: D1Database;
  readonly operator: OperatorDependencies;
  readonly watch: Pick<TelemetryServices, "incidents">;
  readonly text: (binding: string) => string | undefined;
}

export function createDashboardServices({
  ledgers,
  database,
  operator,
  watch,
  text,
}: DashboardParts): DashboardServices {
  const { bootstrapTokens, nowMs, randomBytes, log } = operator;
  return {
    past: unitePast(ledgers.all.map(({ database }) => createMetricsPast(database))),
    incidents: (limit) => watch.incidents.incidents(limit),
    // The tokens from secrets seal when no secret of their own is set: they are never handed out by that.
    sealingSecrets: () => [text("SLUICE_DASHBOARD_SECRET") ?? [], bootstrapTokens()].flat(),
    endedSessions: createEndedSessions(database),
    nowMs,
    randomBytes,
    log,
  };
}
