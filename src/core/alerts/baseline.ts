/** What is usual at this time, from the past: docs/spec/alerts.md, "Usual". Pure. */

/** One minute's readings by key. Minutes in which a key's alert was open are left out of it. */
export interface PastMinute {
  readonly minuteMs: number;
  readonly values: Readonly<Record<string, number>>;
}

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const DAYS = 7;
const MIN_DAYS = 3;
const AROUND_MS = 15 * MINUTE_MS;
const RECENT_FROM_MS = 60 * MINUTE_MS;
const RECENT_UNTIL_MS = 10 * MINUTE_MS;
const SAME_TIME_QUANTILE = 0.9;

export interface Span {
  readonly fromMs: number;
  readonly untilMs: number;
}

/** The minutes that are looked at, for whoever loads them. */
export function pastSpans(nowMs: number): Span[] {
  const spans = [{ fromMs: nowMs - RECENT_FROM_MS, untilMs: nowMs - RECENT_UNTIL_MS }];
  for (let day = 1; day <= DAYS; day++) spans.push(sameTime(nowMs, day));
  return spans;
}

function sameTime(nowMs: number, day: number): Span {
  const middleMs = nowMs - day * DAY_MS;
  return { fromMs: middleMs - AROUND_MS, untilMs: middleMs + AROUND_MS };
}

/** null: the past says nothing. */
export function usualOf(key: string, past: readonly PastMinute[], nowMs: number): number | null {
  const valuesIn = ({ fromMs, untilMs }: Span) =>
    past.flatMap(({ minuteMs, values }) =>
      minuteMs >= fromMs && minuteMs < untilMs ? (values[key] ?? []) : [],
    );
  const days = Array.from({ length: DAYS }, (_, at) => valuesIn(sameTime(nowMs, at + 1)));
  const withReadings = days.filter((day) => day.length > 0);
  const sameTimeOfDay =
    withReadings.length >= MIN_DAYS ? quantile(withReadings.flat(), SAME_TIME_QUANTILE) : null;
  const recent = quantile(
    valuesIn({ fromMs: nowMs - RECENT_FROM_MS, untilMs: nowMs - RECENT_UNTIL_MS }),
    0.5,
  );
  if (sameTimeOfDay === null) return recent;
  return recent === null ? sameTimeOfDay : Math.max(sameTimeOfDay, recent);
}

function quantile(values: readonly number[], share: number): number | null {
  if (values.length === 0) return null;
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? null;
}
