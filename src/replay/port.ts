/**
 * Replays of history: jobs that the cron drives in bounded steps, at a rate, until nothing is left or somebody cancels. A
 * `shadow` job runs another pipeline over the same events, writes to no log, delivers nothing, and reports.
 */
import type { EventFilter } from "../ledger/port.ts";
import type { ReplayProgress } from "../core/replay/progress.ts";
import type { ShadowReport } from "../core/replay/shadow-report.ts";

export interface ReplayRequest {
  readonly filter: EventFilter;
  /** `deliver`: the stored outputs are used. A shadow job makes everything anew. */
  readonly from: "parse" | "deliver";
  readonly ratePerMinute: number;
  readonly maxEvents: number;
  readonly shadow: ShadowRequest | null;
}

export interface ShadowRequest {
  /** A pipeline of the config that takes the same payloads. */
  readonly pipeline: string;
  /** Paths in the delivery's body whose change counts as another decision; null: every text and truth value. */
  readonly decisionFields: readonly string[] | null;
}

export type ReplayStatus = "running" | "done" | "cancelled";

export interface ReplayJob {
  readonly id: string;
  readonly status: ReplayStatus;
  readonly request: ReplayRequest;
  readonly createdAtMs: number;
  readonly createdBy: string;
  readonly updatedAtMs: number;
  readonly progress: ReplayProgress;
  readonly report: ShadowReport | null;
  /** Absent: nothing was refused, failed or waited for so far. */
  readonly why?: ReplayReasons | undefined;
}

/** Why events were not done. */
export interface ReplayReasons {
  /** Of those refused and given up, by reason. */
  readonly counts: Readonly<Record<string, number>>;
  /** What the job waits for, and until when at least (0: the next minute); null: it goes on. */
  readonly waiting: { readonly reason: string; readonly untilMs: number } | null;
}

export interface ReplayJobs {
  create(job: ReplayJob): Promise<void>;
  find(id: string): Promise<ReplayJob | null>;
  /** The newest first. */
  list(limit: number): Promise<readonly ReplayJob[]>;
  /** @returns false when it was not running */
  cancel(id: string, atMs: number): Promise<boolean>;
}

/** For whoever drives the jobs. */
export interface ReplayDriver {
  /** Running jobs nobody drives, taken until `untilMs` in the name of `holder`. */
  claim(limit: number, holder: string, nowMs: number, untilMs: number): Promise<readonly ReplayJob[]>;
  /** Compare-and-set. @returns false when the job was cancelled, or is somebody else's by now: stop */
  save(job: ReplayJob, holder: string, untilMs: number): Promise<boolean>;
}
