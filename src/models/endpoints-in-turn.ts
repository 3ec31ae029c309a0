/**
 * A model's endpoints asked one after the other, until one takes the call or says what another could not better. Pipelines and streams
 * ask in the same order by the same rule; what asking is, they say. Only a word that came before anything was sent leads on: a call that failed is
 * never sent to another endpoint in the same attempt. Spec: docs/spec/guard.md, "Regions".
 */
import { MODEL_NOT_CONFIGURED } from "../core/classify/not-configured.ts";
import type { StageFailure } from "../core/failure.ts";
import type { DenialReason } from "../guard/port.ts";

/** Another endpoint may be better. */
export interface NotHere {
  /** When this one's turn comes; null: it has none, its set-up is not complete. */
  readonly untilMs: number | null;
}

/** @returns null when there is nobody to ask */
export async function askInTurn<Answer>(
  endpoints: readonly string[],
  ask: (endpoint: string) => Promise<Answer>,
  notHere: (answer: Answer) => NotHere | null,
): Promise<Answer | null> {
  let best: { readonly answer: Answer; readonly untilMs: number | null } | null = null;
  for (const endpoint of endpoints) {
    const answer = await ask(endpoint);
    const refused = notHere(answer);
    if (refused === null) return answer;
    const { untilMs } = refused;
    if (best === null || isSooner(untilMs, best.untilMs)) best = { answer, untilMs };
  }
  return best === null ? null : best.answer;
}

/** A limit is for the caller to wait for; a breaker, or a guard that does not answer, is this endpoint's own trouble. */
export function deniedHere(reason: DenialReason | "budget", untilMs: number): NotHere | null {
  return reason === "breaker" || reason === "unreachable" ? { untilMs } : null;
}

export function failedHere({ code }: StageFailure): NotHere | null {
  return code === MODEL_NOT_CONFIGURED ? { untilMs: null } : null;
}

/** A turn is worth more than a set-up that is not complete; the earliest turn counts. */
function isSooner(untilMs: number | null, bestMs: number | null): boolean {
  return untilMs !== null && (bestMs === null || untilMs < bestMs);
}
