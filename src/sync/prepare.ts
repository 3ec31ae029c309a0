/**
 * The pipeline up to its output, as often as the time allows: waits for a guard's turn and tries a transient failure
 * again (so that fallback models get theirs) while that ends before the cut-off. Never throws.
 */
import { failure } from "../core/failure.ts";
import type { Settlement } from "../core/partition/decisions.ts";
import { messageOf, unreachable } from "../core/result.ts";
import type { EventProcessor, LeasedEvent, Prepared } from "../pipeline/processor.ts";
import type { Clock } from "../platform/clock.ts";
import type { Logger } from "../telemetry/log.ts";

export type Preparation = Prepared | { readonly kind: "quarantined"; readonly code: string };

interface PrepareDependencies {
  readonly clock: Clock;
  readonly log: Logger;
  readonly limits: { readonly maxAttempts: number; readonly retryDelayMs: number };
}

type Asked = Pick<LeasedEvent, "envelope" | "token" | "room">;

export async function prepareInTime(
  { clock, log, limits }: PrepareDependencies,
  processor: Pick<EventProcessor, "prepare">,
  asked: Asked,
  cutOffAtMs: number,
  signal: AbortSignal,
): Promise<Preparation> {
  const { quarantine } = asked.envelope;
  if (quarantine !== undefined) return { kind: "quarantined", code: quarantine.code };
  for (let attempt = 1; ; attempt++) {
    const prepared = await prepareOnce(log, processor, asked, attempt, signal);
    const againAtMs = againAt(prepared, clock.nowMs(), limits.retryDelayMs);
    if (againAtMs === null || againAtMs >= cutOffAtMs || attempt >= limits.maxAttempts) return prepared;
    await clock.sleep(againAtMs - clock.nowMs(), signal);
  }
}

async function prepareOnce(
  log: Logger,
  processor: Pick<EventProcessor, "prepare">,
  asked: Asked,
  attempt: number,
  signal: AbortSignal,
): Promise<Prepared> {
  const first = { run: 1, sequence: 0, late: false, effectsBegun: false, output: null, deliveries: [] };
  try {
    return await processor.prepare({ ...first, ...asked, attempt }, signal);
  } catch (thrown) {
    const message = messageOf(thrown);
    log.error("prepare_threw", { event_id: asked.envelope.id, error: message });
    return { kind: "failed", failure: failure("infer", "permanent", "unexpected", message) };
  }
}

/** null: trying again would not help. */
function againAt(prepared: Prepared, nowMs: number, retryDelayMs: number): number | null {
  if (prepared.kind === "deferred") return prepared.untilMs;
  if (prepared.kind !== "failed" || prepared.failure.class !== "transient") return null;
  return nowMs + (prepared.failure.retryAfterMs ?? retryDelayMs);
}

/** What the pipeline made of it, as an answer: its output's body, or the default where there is none to stand by. */
export function settlementOf(prepared: Preparation, token: number): Settlement {
  const byDefault = { kind: "default", isFinal: true, output: null } as const;
  switch (prepared.kind) {
    case "ready":
      return { kind: "model", token, output: prepared.output };
    case "review":
      // A degraded answer that could not be formatted is made anew by whoever works on the event.
      return { ...byDefault, reason: `review: ${prepared.reason}`, output: prepared.output };
    case "filtered":
      return { ...byDefault, reason: `filtered: ${prepared.reason}` };
    case "deferred":
      return { ...byDefault, reason: `deferred: ${prepared.reason}` };
    case "failed":
      return { ...byDefault, reason: prepared.failure.code };
    case "quarantined":
      return { ...byDefault, reason: `quarantined: ${prepared.code}` };
    default:
      return unreachable(prepared);
  }
}
