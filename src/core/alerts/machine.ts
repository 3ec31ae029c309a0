/**
 * When an incident begins and when it is over: docs/spec/alerts.md. Pure: readings, the past and the time are arguments.
 * Whatever is told, is told once per incident.
 */
import * as z from "zod";
import { usualOf, type PastMinute } from "./baseline.ts";
import { keyOf, type Reading } from "./readings.ts";
import { CLEAR_SHARE, isRuleName, type Rule, type RuleName, type Rules } from "./rules.ts";

const ruleNameSchema = z.custom<RuleName>((name) => typeof name === "string" && isRuleName(name));

const openSchema = z.object({
  state: z.literal("open"),
  rule: ruleNameSchema,
  subject: z.array(z.string()),
  /** Unique: whom it is of, and when it began. Fit for a header. */
  incident: z.string(),
  openedAtMs: z.int(),
  /** As they were when it opened. */
  limit: z.number(),
  clearAt: z.number(),
  value: z.number(),
  peak: z.number(),
  below: z.int(),
});

const calmSchema = z.object({ state: z.literal("calm"), above: z.int() });

export const watchStateSchema = z.record(z.string(), z.discriminatedUnion("state", [openSchema, calmSchema]));

export type OpenIncident = Readonly<z.infer<typeof openSchema>>;
/** By key. What is calm and has nothing above is not kept. */
export type WatchState = Readonly<Record<string, OpenIncident | Readonly<z.infer<typeof calmSchema>>>>;

export interface Notice {
  readonly kind: "opened" | "resolved";
  readonly incident: OpenIncident;
  readonly atMs: number;
}

export interface Watched {
  readonly state: WatchState;
  readonly notices: readonly Notice[];
  /** This minute's values for later minutes' baselines: those of rules that have one, and whose alert is not open. */
  readonly values: Readonly<Record<string, number>>;
}

export function watch(
  state: WatchState,
  readings: readonly Reading[],
  past: readonly PastMinute[],
  rules: Partial<Rules>,
  nowMs: number,
): Watched {
  const next: Record<string, OpenIncident | { state: "calm"; above: number }> = {};
  const values: Record<string, number> = {};
  const notices: Notice[] = [];
  const seen = new Set<string>();
  for (const reading of readings) {
    const rule = rules[reading.rule];
    const key = keyOf(reading);
    if (rule === undefined || seen.has(key)) continue;
    seen.add(key);
    const known = state[key];
    if (known?.state === "open") {
      const stepped = stepOpen(known, rule, reading.value);
      if (stepped.state === "open") next[key] = stepped;
      else notices.push({ kind: "resolved", incident: stepped.incident, atMs: nowMs });
      continue;
    }
    if (rule.limit.kind === "baseline" && reading.value !== null) values[key] = reading.value;
    const stepped = stepCalm(key, known?.above ?? 0, rule, reading, past, nowMs);
    if (stepped.state === "open") {
      delete values[key];
      notices.push({ kind: "opened", incident: stepped, atMs: nowMs });
      next[key] = stepped;
    } else if (stepped.above > 0) next[key] = stepped;
  }
  // Nothing is read of these any more: nothing is wrong with them.
  for (const [key, known] of Object.entries(state)) {
    if (seen.has(key) || known.state === "calm") continue;
    const rule = rules[known.rule];
    // The config no longer watches it: nobody waits for its end, either.
    if (rule === undefined) continue;
    const stepped = stepOpen(known, rule, 0);
    if (stepped.state === "open") next[key] = stepped;
    else notices.push({ kind: "resolved", incident: stepped.incident, atMs: nowMs });
  }
  return { state: next, notices, values };
}

function stepCalm(
  key: string,
  above: number,
  rule: Rule,
  reading: Reading,
  past: readonly PastMinute[],
  nowMs: number,
): OpenIncident | { readonly state: "calm"; readonly above: number } {
  const { value, subject } = reading;
  if (value === null) return { state: "calm", above };
  // Most are below their floor, and nobody need ask the past.
  if (value <= floorOf(rule, reading)) return { state: "calm", above: 0 };
  const { limit, clearAt } = limitsOf(key, rule, reading, past, nowMs);
  if (value <= limit) return { state: "calm", above: 0 };
  if (above + 1 < rule.openAfter) return { state: "calm", above: above + 1 };
  return {
    state: "open",
    rule: reading.rule,
    subject: [...subject],
    incident: `${[reading.rule, ...subject].map(encodeURIComponent).join("/")}@${nowMs}`,
    openedAtMs: nowMs,
    limit,
    clearAt,
    value,
    peak: value,
    below: 0,
  };
}

function floorOf({ limit }: Rule, reading: Reading): number {
  return limit.kind === "fixed" ? limit.above : (reading.floor ?? limit.floor);
}

function limitsOf(key: string, rule: Rule, reading: Reading, past: readonly PastMinute[], nowMs: number) {
  if (rule.limit.kind === "fixed") return { limit: rule.limit.above, clearAt: rule.limit.clearAt };
  const usual = usualOf(key, past, nowMs) ?? 0;
  const limit = Math.max(floorOf(rule, reading), usual * rule.limit.margin);
  return { limit, clearAt: limit * CLEAR_SHARE };
}

function stepOpen(
  incident: OpenIncident,
  rule: Rule,
  value: number | null,
): OpenIncident | { readonly state: "resolved"; readonly incident: OpenIncident } {
  if (value === null) return incident;
  if (value > incident.clearAt) {
    return { ...incident, value, peak: Math.max(incident.peak, value), below: 0 };
  }
  const below = incident.below + 1;
  const stepped = { ...incident, value, below };
  return below < rule.clearAfter ? stepped : { state: "resolved", incident: stepped };
}
