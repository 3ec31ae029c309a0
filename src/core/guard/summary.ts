/** What operators see of a guard: breaker, rates, slots. Reads a state, changes nothing. */
import * as z from "zod";
import { capsInForce } from "./adapt.ts";
import { sampledCalls } from "./breaker.ts";
import { advance } from "./machine.ts";
import type { GuardState, Triple } from "./model.ts";
import { usedInWindow, type RateKind } from "./rate.ts";
import type { Moment } from "./settings.ts";
import { heldByPriority } from "./slots.ts";

const byPrioritySchema = z.readonly(z.object({ low: z.number(), normal: z.number(), high: z.number() }));

const usageSchema = z.readonly(
  z.object({
    used: byPrioritySchema,
    /** In force now, after adapting; null: not limited. */
    cap: z.nullable(z.number()),
  }),
);

export const guardSummarySchema = z.readonly(
  z.object({
    atMs: z.number(),
    breaker: z.readonly(
      z.object({
        phase: z.enum(["closed", "open", "half-open", "ramping"]),
        /** When an open breaker lets its probe through. */
        untilMs: z.nullable(z.number()),
        /** Of the last minute; a breaker that is not closed has forgotten them. */
        calls: z.int(),
        failures: z.int(),
      }),
    ),
    /** Granted in the last minute. */
    requests: usageSchema,
    tokens: usageSchema,
    /** Held now. */
    slots: usageSchema,
    /** Part of the configured rates in force; below 1 after a 429. */
    rateFactor: z.number(),
    /** The other side asked for silence until then; null: it did not. */
    pausedUntilMs: z.nullable(z.number()),
    /** The last turn handed out; null: nobody waits. */
    queuedUntilMs: z.nullable(z.number()),
    latencyMs: z.nullable(z.number()),
  }),
);
export type GuardSummary = z.infer<typeof guardSummarySchema>;

export function summarize(stored: GuardState, { nowMs, settings }: Moment): GuardSummary {
  const state = advance(stored, nowMs);
  const { breaker, adaptive } = state;
  const caps = capsInForce(state.limits, adaptive, settings);
  const rate = (kind: RateKind) => ({
    used: byPriority(usedInWindow(state.rate, kind, state.nowMs, settings)),
    cap: caps[kind]?.[2] ?? null,
  });
  const sampled =
    breaker.phase === "closed"
      ? sampledCalls(breaker.samples, state.nowMs, settings.breaker)
      : { calls: 0, failures: 0 };
  const later = (timeMs: number) => (timeMs > state.nowMs ? timeMs : null);
  return {
    atMs: state.nowMs,
    breaker: {
      phase: breaker.phase,
      untilMs: breaker.phase === "open" ? breaker.untilMs : null,
      ...sampled,
    },
    requests: rate("requests"),
    tokens: rate("tokens"),
    slots: { used: byPriority(heldByPriority(state.permits)), cap: state.limits.maxConcurrent ?? null },
    rateFactor: adaptive.factor,
    pausedUntilMs: later(adaptive.pausedUntilMs),
    queuedUntilMs: later(Math.max(...state.turnsMs)),
    latencyMs: state.latencyMs,
  };
}

function byPriority([low, normal, high]: Triple) {
  return { low, normal, high };
}
