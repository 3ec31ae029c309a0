/** A week of ordinary days, and one with incidents in it, minute by minute. */
import { beforeAll, describe, expect, it } from "vitest";
import type { PastMinute } from "../../src/core/alerts/baseline.ts";
import { pastSpans } from "../../src/core/alerts/baseline.ts";
import { watch, type Notice, type WatchState } from "../../src/core/alerts/machine.ts";
import type { Reading } from "../../src/core/alerts/readings.ts";
import { DEFAULT_RULES } from "../../src/core/alerts/rules.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const START_MS = Date.UTC(2026, 10, 2);
const ORDINARY_DAYS = 7;

/** Repeatable noise in [-1, 1]. */
function noise(at: number, salt: number): number {
  const mixed = Math.imul((at + 1) * 2_654_435_761, salt * 40_503 + 1) >>> 0;
  return mixed / 2 ** 31 - 1;
}

/** 0 at night, 1 at half past eight in the evening, each day a little different. */
function evening(minuteMs: number): number {
  const hour = (minuteMs % DAY_MS) / 3_600_000;
  const day = Math.floor((minuteMs - START_MS) / DAY_MS);
  return Math.exp(-(((hour - 20.5) / 1.8) ** 2)) * (1 + 0.15 * noise(day, 7));
}

interface Incident {
  readonly name: string;
  readonly key: string;
  readonly fromHour: number;
  readonly minutes: number;
  readonly apply: (value: number) => number;
}

/** On the last day. The fourth stands in the middle of the evening peak. */
const INCIDENTS: readonly Incident[] = [
  {
    name: "a pipeline fails",
    key: '["error-rate","pipeline","triage"]',
    fromHour: 9.5,
    minutes: 15,
    apply: () => 0.3,
  },
  {
    name: "a model gets slow",
    key: '["model-latency","model","fast"]',
    fromHour: 14,
    minutes: 25,
    apply: (value) => value * 4,
  },
  { name: "consumers stop", key: '["depth"]', fromHour: 4, minutes: 40, apply: (value) => value + 3_000 },
  {
    name: "the peak gets out of hand",
    key: '["depth"]',
    fromHour: 20.5,
    minutes: 30,
    apply: (value) => value * 5,
  },
];

function ordinary(minuteMs: number): Record<string, number> {
  const at = Math.floor(minuteMs / MINUTE_MS);
  const peak = evening(minuteMs);
  return {
    '["depth"]': Math.max(0, 60 + 2_400 * peak + 25 * noise(at, 1) * (1 + 8 * peak)),
    '["error-rate","pipeline","triage"]': Math.max(0, 0.012 + 0.03 * peak + 0.008 * noise(at, 2)),
    '["error-rate","source","stripe"]': Math.max(0, 0.02 + 0.02 * noise(at, 3)),
    '["model-latency","model","fast"]': 1.1 + 1.6 * peak + 0.25 * noise(at, 4),
  };
}

function readingsAt(minuteMs: number): Reading[] {
  const values = ordinary(minuteMs);
  const hour = (minuteMs - START_MS - ORDINARY_DAYS * DAY_MS) / 3_600_000;
  for (const { key, fromHour, minutes, apply } of INCIDENTS) {
    if (hour >= fromHour && hour < fromHour + minutes / 60) values[key] = apply(values[key] ?? 0);
  }
  return Object.entries(values).map(([key, value]): Reading => {
    const [rule, ...subject] = JSON.parse(key);
    return { rule, subject, value };
  });
}

function live(): Notice[] {
  const byMinute = new Map<number, PastMinute>();
  const notices: Notice[] = [];
  let state: WatchState = {};
  for (let nowMs = START_MS; nowMs < START_MS + (ORDINARY_DAYS + 1) * DAY_MS; nowMs += MINUTE_MS) {
    const past: PastMinute[] = [];
    for (const { fromMs, untilMs } of pastSpans(nowMs)) {
      for (let at = fromMs; at < untilMs; at += MINUTE_MS) {
        const minute = byMinute.get(at);
        if (minute !== undefined) past.push(minute);
      }
    }
    const watched = watch(state, readingsAt(nowMs), past, DEFAULT_RULES, nowMs);
    state = watched.state;
    notices.push(...watched.notices);
    byMinute.set(nowMs, { minuteMs: nowMs, values: watched.values });
  }
  return notices;
}

describe("a week of ordinary days and a bad one", () => {
  let notices: Notice[];
  const lastDayMs = START_MS + ORDINARY_DAYS * DAY_MS;

  beforeAll(() => {
    notices = live();
  });

  it("tells nothing of seven days with their evening peaks, the first of which has no past", () => {
    expect(notices.filter((notice) => notice.atMs < lastDayMs)).toEqual([]);
  });

  it.each(INCIDENTS)(
    "finds that $name within five minutes, and its end within ten",
    ({ key, fromHour, minutes }) => {
      const fromMs = lastDayMs + fromHour * 3_600_000;
      const untilMs = fromMs + minutes * MINUTE_MS;
      const opened = notices.filter(
        ({ kind, incident, atMs }) =>
          kind === "opened" &&
          JSON.stringify([incident.rule, ...incident.subject]) === key &&
          atMs >= fromMs &&
          atMs < untilMs,
      );
      expect(opened).toHaveLength(1);
      expect(opened[0]?.atMs).toBeLessThanOrEqual(fromMs + 5 * MINUTE_MS);
      const resolved = notices.filter(
        ({ kind, incident }) => kind === "resolved" && incident.incident === opened[0]?.incident.incident,
      );
      expect(resolved).toHaveLength(1);
      expect(resolved[0]?.atMs).toBeGreaterThanOrEqual(untilMs);
      expect(resolved[0]?.atMs).toBeLessThanOrEqual(untilMs + 10 * MINUTE_MS);
    },
  );

  it("tells of nothing else: neither the peak itself, nor what is ordinary beside the incidents", () => {
    expect(notices).toHaveLength(2 * INCIDENTS.length);
  });
});
