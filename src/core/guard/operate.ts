/** What operators do to a guard: hold an endpoint back, or let it start over. Pure. */
import * as z from "zod";
import { unreachable } from "../result.ts";
import { CLOSED } from "./breaker.ts";
import { advance } from "./machine.ts";
import type { GuardState } from "./model.ts";
import type { Moment } from "./settings.ts";

export const guardOperationSchema = z.discriminatedUnion("kind", [
  /** Opens the breaker for so long, whatever it has seen; then it probes as after any opening. */
  z.readonly(z.object({ kind: z.literal("trip"), forMs: z.int().min(1) })),
  /** Closes the breaker and forgets pauses and a reduced rate. Limits, and what is under way, stand. */
  z.readonly(z.object({ kind: z.literal("reset") })),
]);
export type GuardOperation = z.infer<typeof guardOperationSchema>;

export function operateGuard(stored: GuardState, operation: GuardOperation, at: Moment): GuardState {
  const state = advance(stored, at.nowMs);
  // Written before it is answered: a restart must not undo an operator's word.
  const unwritten = { ...state.unwritten, urgent: true };
  switch (operation.kind) {
    case "trip": {
      const untilMs = state.nowMs + operation.forMs;
      const { cooldownMs } = at.settings.breaker;
      return { ...state, unwritten, breaker: { phase: "open", untilMs, cooldownMs } };
    }
    case "reset":
      return {
        ...state,
        unwritten,
        breaker: CLOSED,
        adaptive: {
          ...state.adaptive,
          factor: 1,
          changedAtMs: state.nowMs,
          streak: 0,
          pausedUntilMs: 0,
          left: { requests: null, tokens: null },
        },
      };
    default:
      return unreachable(operation);
  }
}
