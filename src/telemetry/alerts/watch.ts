/**
 * The minute's work: readings, the machine, the store, the notices. A state is stored before anything is told of it, so
 * that two crons at once open one incident; a notice leaves its outbox when every receiver has it.
 */
import { pastSpans, type PastMinute } from "../../core/alerts/baseline.ts";
import { watch, type Notice } from "../../core/alerts/machine.ts";
import { readingsOf, type Reading } from "../../core/alerts/readings.ts";
import type { Rules } from "../../core/alerts/rules.ts";
import { addCounts, type Counts } from "../../core/metrics/counts.ts";
import type { Sample } from "../../core/metrics/sample.ts";
import { startOfMinute, type CountsStore } from "../counts-store.ts";
import type { Logger } from "../log.ts";
import { notify, type AlertReceiver, type NotifyDependencies } from "./notify.ts";
import type { AlertStore, PendingNotice, StateStore, Watching } from "./store.ts";

export interface AlertDependencies {
  readonly store: AlertStore;
  readonly counts: Pick<CountsStore, "minutes">;
  readonly rules: Partial<Rules>;
  readonly receivers: readonly AlertReceiver[];
  readonly notify: NotifyDependencies;
  readonly log: Logger;
  readonly nowMs: () => number;
  readonly limits: {
    readonly windowMs: number;
    /** Counts of the newest minute are still on their way. */
    readonly lagMs: number;
    readonly keepNoticesMs: number;
    /** One incident among many must not wait for all the others' receivers. */
    readonly maxNoticesAtOnce: number;
  };
}

export async function watchMinute(deps: AlertDependencies, sample: Sample): Promise<void> {
  const nowMs = startOfMinute(deps.nowMs());
  const { limits, store } = deps;
  const untilMs = nowMs - limits.lagMs;
  const [minutes, watching, past] = await Promise.all([
    deps.counts.minutes(untilMs - limits.windowMs, untilMs),
    store.load(),
    store.past(pastSpans(nowMs)),
  ]);
  const window: Counts = { counters: {}, histograms: {} };
  for (const counts of minutes.values()) addCounts(window, counts);
  await step(deps, store, watching, readingsOf(window, sample), past, nowMs);
}

/**
 * What can be watched without a ledger, in a store that lies in none.
 * @returns what was told of for the first time, for the list of incidents
 */
export async function watchWithoutLedger(
  deps: AlertDependencies,
  store: StateStore,
  readings: readonly Reading[],
): Promise<readonly Notice[]> {
  return step(deps, store, await store.load(), readings, [], startOfMinute(deps.nowMs()));
}

async function step(
  deps: AlertDependencies,
  store: StateStore,
  watching: Watching,
  readings: readonly Reading[],
  past: readonly PastMinute[],
  nowMs: number,
): Promise<readonly Notice[]> {
  const { limits } = deps;
  const watched = watch(watching.state, readings, past, deps.rules, nowMs);
  const fresh = watched.notices.map((notice): PendingNotice => ({ notice, sentTo: [] }));
  const outbox = [...watching.outbox, ...fresh].filter(
    ({ notice }) => deps.receivers.length > 0 && nowMs - notice.atMs < limits.keepNoticesMs,
  );
  const next = { version: watching.version, state: watched.state, outbox };
  const isSaved = await store.save(next, { minuteMs: nowMs, values: watched.values }, watched.notices);
  // Another cron was faster, and tells.
  if (!isSaved) return [];
  for (const { kind, incident } of watched.notices) {
    const { rule, subject, value, limit } = incident;
    deps.log.warn("alert", {
      kind,
      rule,
      subject: subject.join(" "),
      value,
      limit,
      incident: incident.incident,
    });
  }
  if (outbox.length === 0) return watched.notices;
  const left = await tell(deps, outbox);
  await store.saveOutbox(watching.version + 1, left);
  return watched.notices;
}

/** In order. A receiver that fails is left alone until the next minute, so that it gets an incident's end after its beginning. */
async function tell(deps: AlertDependencies, outbox: readonly PendingNotice[]): Promise<PendingNotice[]> {
  const failed = new Set<number>();
  const left: PendingNotice[] = [];
  for (const [at, pending] of outbox.entries()) {
    if (at >= deps.limits.maxNoticesAtOnce) {
      left.push(pending);
      continue;
    }
    const sentTo = new Set(pending.sentTo);
    for (const [index, receiver] of deps.receivers.entries()) {
      if (sentTo.has(index) || failed.has(index)) continue;
      const sent = await notify(deps.notify, receiver, pending.notice);
      if (sent.ok) sentTo.add(index);
      else {
        failed.add(index);
        deps.log.warn("alert_not_sent", { receiver: index, format: receiver.format, error: sent.error });
      }
    }
    if (sentTo.size < deps.receivers.length) left.push({ notice: pending.notice, sentTo: [...sentTo] });
  }
  return left;
}
