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
import type { ReplayDriver, ReplayJob, ReplayReasons } from "./port.ts";

/** What is done to one event. */
export interface ReplayAction {
  readonly outcome: ReplayOutcome;
  /** Why it was not done, or not yet. */
  readonly reason?: string;
  /** Of one that waits: when its guard wants to be asked again. */
  readonly untilMs?: number;
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
  // A guard has said when: until then it would only say so again.
  if ((job.why?.waiting?.untilMs ?? 0) > deps.nowMs()) return void (await save(job, 0));
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
  const done = new Map<EventId, ReplayAction>();
  let { report } = job;
  for (let start = 0; start < chunk.length; start += limits.eventsAtOnce) {
    const some = chunk.slice(start, start + limits.eventsAtOnce);
    const actions = await Promise.all(some.map((target) => actSafely(deps, job, target)));
    for (const [index, { id }] of some.entries()) {
      const action = actions[index];
      if (action === undefined) continue;
      outcomes.set(id, action.outcome);
      done.set(id, action);
      if (report !== null && action.report !== undefined) report = action.report(report);
    }
  }
  const progress = settleChunk(job.progress, outcomes, limits.maxTries);
  const gaveUp = progress.failed > job.progress.failed;
  let counts = job.why?.counts ?? {};
  for (const { id } of chunk) {
    const { outcome, reason = "not reached" } = done.get(id) ?? { outcome: "again" };
    const isGivenUp = gaveUp && outcome === "again";
    if (isGivenUp || outcome === "refused") counts = countReason(counts, reason);
    if (isGivenUp && report !== null) report = addUncompared(report, `given up: ${reason}`, limits.report);
  }
  return { ...job, report, progress, why: { counts, waiting: waitingOf([...done.values()]) } };
}

/** The first that may go on; what still waits without a time of its own is tried in the next minute. */
function waitingOf(actions: readonly ReplayAction[]): ReplayReasons["waiting"] {
  const waiting = actions.filter(({ outcome }) => outcome === "waits" || outcome === "again");
  const [first] = waiting.toSorted((left, right) => (left.untilMs ?? 0) - (right.untilMs ?? 0));
  return first === undefined ? null : { reason: first.reason ?? "not reached", untilMs: first.untilMs ?? 0 };
}

/** Further reasons than these are counted together. */
const MAX_REASONS = 20;

function countReason(counts: ReplayReasons["counts"], reason: string): ReplayReasons["counts"] {
  const name = reason in counts || Object.keys(counts).length < MAX_REASONS ? reason : "other";
  return { ...counts, [name]: (counts[name] ?? 0) + 1 };
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
