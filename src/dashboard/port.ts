/**
 * What the dashboard stands on: the operator API, called in process with the visitor's own token, so that its scopes, its
 * limits and its audit log hold here too; and the past of the metrics, for plots.
 */
import type { EndedSessions } from "./ended-sessions.ts";
import type { Incident } from "../telemetry/alerts/store.ts";
import type { Logger } from "../telemetry/log.ts";
import type { MetricsPast } from "../telemetry/past.ts";

export interface DashboardDependencies {
  /** Answers `/admin/v1/…`. */
  readonly api: (request: Request) => Response | Promise<Response>;
  readonly past: MetricsPast;
  readonly incidents: (limit: number) => Promise<readonly Incident[]>;
  /** Seal sessions; the first seals, all open. Empty: nobody can log in. */
  readonly sealingSecrets: () => readonly string[];
  readonly endedSessions: EndedSessions;
  readonly nowMs: () => number;
  readonly randomBytes: (count: number) => Uint8Array<ArrayBuffer>;
  readonly log: Logger;
}
