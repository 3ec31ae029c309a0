/**
 * One minute of the running replays: takes each job, does at most its rate, writes down how far it has come after every few
 * events. Whatever dies on the way, the next minute goes on from there. Never throws for one job's sake.
 */
import type { EventId } from "../core/ids.ts";
import { messageOf } from "../core/result.ts";
import {
  isFinished,
  settleChunk,
  takePage,
  wantedEvents,
  type ReplayOutcome,
  type ReplayTarget,
} from "../core/replay/progress.ts";
import { addUncompared, type ReportLimits, type ShadowReport } from "../core/replay/shadow-report.ts";
import type { EventLedger } from "../ledger/port.ts";
import type { Logger } from "../telemetry/log.ts";
import type { ReplayDriver, ReplayJob } from "./port.ts";

/** What is done to one event. */
export interface ReplayAction {
  readonly outcome: ReplayOutcome;
  /** Why it comes again: what the report says of it, when its tries are used up. */
  readonly reason?: string;
  /** A shadow job's: what the event adds to the report. */
  readonly report?: (report: ShadowReport) => ShadowReport;
}

export interface ReplayDependencies {
  readonly jobs: ReplayDriver;
  readonly ledger: Pick<EventLedger, "list">;
  readonly act: (job: ReplayJob, target: ReplayTarget) => Promise<ReplayAction>;
  readonly nowMs: () => number;
  readonly newId: () => string;
  readonly log: Logger;
  readonly limits: ReplayLimits;
}

export interface ReplayLimits {
  readonly jobsAtOnce: number;
  readonly eventsPerChunk: number;
  readonly eventsAtOnce: number;
  /** A step that runs for longer leaves the rest to the next minute. */
  readonly stepMs: number;
  /** Who has been silent for so long has lost the job. */
  readonly holdMs: number;
  readonly maxTries: number;
  readonly report: ReportLimits;
}

export async function stepReplays(deps: ReplayDependencies): Promise<void> {
  const { limits } = deps;
  const holder = deps.newId();
  const startedAtMs = deps.nowMs();
  const jobs = await deps.jobs.claim(limits.jobsAtOnce, holder, startedAtMs, startedAtMs + limits.holdMs);
  await Promise.all(
    jobs.map(async (job) => {
      try {
        await stepJob(deps, job, holder, startedAtMs + limits.stepMs);
      } catch (thrown) {
        deps.log.warn("replay_step_failed", { replay: job.id, error: messageOf(thrown) });
      }
    }),
  );
}

async function stepJob(
  deps: ReplayDependencies,
  claimed: ReplayJob,
  holder: string,
  endAtMs: number,
): Promise<void> {
  const { limits } = deps;
  let job = claimed;
  let left = job.request.ratePerMinute;
  const save = (next: ReplayJob, heldForMs: number): Promise<boolean> => {
    job = { ...next, updatedAtMs: deps.nowMs() };
    return deps.jobs.save(job, holder, heldForMs === 0 ? 0 : deps.nowMs() + heldForMs);
  };
  while (left > 0 && deps.nowMs() < endAtMs && !isFinished(job.progress, job.request.maxEvents)) {
    const paged = await nextPage(deps, job, Math.min(limits.eventsPerChunk, left));
    // Written down before anything is done to them.
    if (paged !== job && !(await save(paged, limits.holdMs))) return;
    const { chunk } = job.progress;
    if (chunk.length === 0) continue;
    const settled = await workOn(deps, job);
    if (!(await save(settled, limits.holdMs))) return;
    left -= chunk.length;
    // What could not be reached is left for the next minute.
    if (settled.progress.chunk.length > 0) break;
  }
  const isDone = isFinished(job.progress, job.request.maxEvents);
  await save(isDone ? { ...job, status: "done" } : job, 0);
}

async function nextPage(deps: ReplayDependencies, job: ReplayJob, atMost: number): Promise<ReplayJob> {
  const { request, progress } = job;
  const limit = wantedEvents(progress, request.maxEvents, atMost);
  if (limit === 0) return job;
  // Only what was there when the job was made: what it brings about itself is not its history.
  const toMs = Math.min(request.filter.toMs ?? job.createdAtMs, job.createdAtMs);
  const page = await deps.ledger.list({
    filter: { ...request.filter, toMs },
    order: "oldest",
    limit,
    after: progress.after && { atMs: progress.after.receivedAtMs, id: progress.after.id },
  });
  const targets = page.events.map(({ id, version }) => ({ id, version }));
  return {
    ...job,
    progress: takePage(progress, targets, page.next && { receivedAtMs: page.next.atMs, id: page.next.id }),
  };
}

async function workOn(deps: ReplayDependencies, job: ReplayJob): Promise<ReplayJob> {
  const { limits } = deps;
  const { chunk } = job.progress;
  const outcomes = new Map<EventId, ReplayOutcome>();
  const reasons = new Map<EventId, string>();
  let { report } = job;
  for (let start = 0; start < chunk.length; start += limits.eventsAtOnce) {
    const some = chunk.slice(start, start + limits.eventsAtOnce);
    const actions = await Promise.all(some.map((target) => actSafely(deps, job, target)));
    for (const [index, { id }] of some.entries()) {
      const action = actions[index];
      if (action === undefined) continue;
      outcomes.set(id, action.outcome);
      if (action.reason !== undefined) reasons.set(id, action.reason);
      if (report !== null && action.report !== undefined) report = action.report(report);
    }
  }
  const progress = settleChunk(job.progress, outcomes, limits.maxTries);
  if (report !== null && progress.failed > job.progress.failed) {
    for (const { id } of chunk) {
      if ((outcomes.get(id) ?? "again") !== "again") continue;
      report = addUncompared(report, `given up: ${reasons.get(id) ?? "not reached"}`, limits.report);
    }
  }
  return { ...job, report, progress };
}

async function actSafely(
  deps: ReplayDependencies,
  job: ReplayJob,
  target: ReplayTarget,
): Promise<ReplayAction> {
  try {
    return await deps.act(job, target);
  } catch (thrown) {
    deps.log.warn("replay_failed", { replay: job.id, event_id: target.id, error: messageOf(thrown) });
    return { outcome: "again", reason: "its partition could not be reached" };
  }
}
