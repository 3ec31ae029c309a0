/**
 * The circuit breaker: closed → open → half-open (one probe) → ramping → closed. Spec with its transition
 * table: docs/spec/guard.md. Pure; knows calls only by the number of their permit.
 */
import { unreachable } from "../result.ts";
import type { Breaker, Sample } from "./model.ts";
import type { BreakerSettings } from "./settings.ts";
import type { CallReport } from "./commands.ts";

/** What a finished call says about the endpoint's health. */
export type Health =
  | "good"
  | "bad"
  /** It answered, which is all a probe asks; it does not count among the calls of a closed breaker. */
  | "alive"
  /** Nothing was learnt. */
  | "unknown";

export type BreakerVerdict =
  | { readonly kind: "pass" }
  | { readonly kind: "probe" }
  /** `atMs`: null when it depends on calls under way. */
  | { readonly kind: "blocked"; readonly atMs: number | null };

export const CLOSED: Breaker = { phase: "closed", samples: [] };

/**
 * Permanent errors don't count, nor does a 429: an endpoint that says "too fast" is well, and the
 * rate is what answers it.
 */
export function healthOf(report: CallReport, slowMs: number | undefined): Health {
  if (report.hint?.limited === true) return "alive";
  switch (report.outcome) {
    case "success":
      return slowMs !== undefined && report.latencyMs > slowMs ? "bad" : "good";
    case "transient":
      return "bad";
    case "permanent":
      return "alive";
    case "cancelled":
      return "unknown";
    default:
      return unreachable(report.outcome);
  }
}

export function breakerVerdict(
  breaker: Breaker,
  permits: readonly { readonly id: number }[],
  nowMs: number,
): BreakerVerdict {
  switch (breaker.phase) {
    case "closed":
      return { kind: "pass" };
    case "open":
      return nowMs >= breaker.untilMs ? { kind: "probe" } : { kind: "blocked", atMs: breaker.untilMs };
    case "half-open":
      return { kind: "blocked", atMs: null };
    case "ramping": {
      const underWay = permits.filter((permit) => permit.id > breaker.probeId).length;
      return underWay < breaker.limit ? { kind: "pass" } : { kind: "blocked", atMs: null };
    }
    default:
      return unreachable(breaker);
  }
}

/** The permit is the probe: until it ends, there is no other. */
export function startProbe(breaker: Breaker, probeId: number, settings: BreakerSettings): Breaker {
  const cooldownMs = breaker.phase === "open" ? breaker.cooldownMs : settings.cooldownMs;
  return { phase: "half-open", probeId, cooldownMs };
}

/** A probe whose permit expired told nothing: the next caller is the next probe. */
export function afterExpiry(
  breaker: Breaker,
  isUnderWay: (permitId: number) => boolean,
  nowMs: number,
): Breaker {
  if (breaker.phase !== "half-open" || isUnderWay(breaker.probeId)) return breaker;
  return { phase: "open", untilMs: nowMs, cooldownMs: breaker.cooldownMs };
}

export function afterCall(
  breaker: Breaker,
  call: { readonly permitId: number; readonly health: Health },
  nowMs: number,
  settings: BreakerSettings,
): Breaker {
  switch (breaker.phase) {
    case "closed":
      return afterClosedCall(breaker.samples, call.health, nowMs, settings);
    case "open":
      return breaker; // A call from before the opening: it tells nothing new.
    case "half-open":
      return call.permitId === breaker.probeId ? afterProbe(breaker, call.health, nowMs, settings) : breaker;
    case "ramping":
      // Calls from before the probe tell about the time before the probe.
      return call.permitId > breaker.probeId ? afterRampCall(breaker, call.health, nowMs, settings) : breaker;
    default:
      return unreachable(breaker);
  }
}

/** Calls and failures that still count. */
export function sampledCalls(
  samples: readonly Sample[],
  nowMs: number,
  settings: BreakerSettings,
): { readonly calls: number; readonly failures: number } {
  const counted = recent(samples, nowMs, settings);
  return {
    calls: counted.reduce((sum, sample) => sum + sample.calls, 0),
    failures: counted.reduce((sum, sample) => sum + sample.failures, 0),
  };
}

function afterClosedCall(
  samples: readonly Sample[],
  health: Health,
  nowMs: number,
  settings: BreakerSettings,
): Breaker {
  if (health === "alive" || health === "unknown") return { phase: "closed", samples };
  const counted = addSample(recent(samples, nowMs, settings), health === "bad", nowMs, settings);
  const { calls, failures } = sampledCalls(counted, nowMs, settings);
  const opens = health === "bad" && calls >= settings.minCalls && failures >= calls * settings.failureShare;
  return opens ? opened(settings.cooldownMs, nowMs) : { phase: "closed", samples: counted };
}

function afterProbe(
  breaker: Extract<Breaker, { phase: "half-open" }>,
  health: Health,
  nowMs: number,
  settings: BreakerSettings,
): Breaker {
  switch (health) {
    case "good":
    case "alive":
      return { ...breaker, phase: "ramping", limit: settings.rampFrom };
    case "bad":
      return opened(doubled(breaker.cooldownMs, settings), nowMs);
    case "unknown":
      return { phase: "open", untilMs: nowMs, cooldownMs: breaker.cooldownMs };
    default:
      return unreachable(health);
  }
}

/** Slow start: one more at once with each success, half as many after a failure, open again from one. */
function afterRampCall(
  breaker: Extract<Breaker, { phase: "ramping" }>,
  health: Health,
  nowMs: number,
  settings: BreakerSettings,
): Breaker {
  if (health === "unknown") return breaker;
  if (health === "bad") {
    if (breaker.limit <= 1) return opened(doubled(breaker.cooldownMs, settings), nowMs);
    return { ...breaker, limit: Math.floor(breaker.limit / 2) };
  }
  const limit = breaker.limit + 1;
  return limit > settings.rampTo ? CLOSED : { ...breaker, limit };
}

function opened(cooldownMs: number, nowMs: number): Breaker {
  return { phase: "open", untilMs: nowMs + cooldownMs, cooldownMs };
}

function doubled(cooldownMs: number, settings: BreakerSettings): number {
  return Math.min(cooldownMs * 2, settings.maxCooldownMs);
}

function recent(samples: readonly Sample[], nowMs: number, settings: BreakerSettings): readonly Sample[] {
  return samples.filter((sample) => sample.startMs + settings.sampleBucketMs + settings.sampleMs > nowMs);
}

function addSample(
  samples: readonly Sample[],
  failed: boolean,
  nowMs: number,
  settings: BreakerSettings,
): readonly Sample[] {
  const startMs = Math.floor(nowMs / settings.sampleBucketMs) * settings.sampleBucketMs;
  const newest = samples.at(-1);
  const into = newest?.startMs === startMs ? newest : { startMs, calls: 0, failures: 0 };
  const others = into === newest ? samples.slice(0, -1) : samples;
  return [...others, { startMs, calls: into.calls + 1, failures: into.failures + (failed ? 1 : 0) }];
}
