/**
 * One producer per key, wherever the callers are: the first who comes leads, for the length of a lease; the others wait for its
 * answer. An optimisation and never a truth: it is kept in memory alone, and whoever doubts calls by itself. Pure.
 * Spec: docs/spec/guard.md, "Flights".
 */
import * as z from "zod";

export interface FlightState {
  readonly lead: { readonly caller: string; readonly untilMs: number } | null;
  readonly landed: { readonly answer: string; readonly untilMs: number } | null;
}

export const NO_FLIGHT: FlightState = { lead: null, landed: null };

export const flightReplySchema = z.discriminatedUnion("kind", [
  /** Make the call, then `land`. */
  z.readonly(z.object({ kind: z.literal("lead") })),
  /** Somebody is at it, at most until then. */
  z.readonly(z.object({ kind: z.literal("wait"), untilMs: z.number() })),
  z.readonly(z.object({ kind: z.literal("answer"), answer: z.string() })),
]);
export type FlightReply = z.infer<typeof flightReplySchema>;

/** Joining again as the leader keeps the lead: a lost answer strands nobody. */
export function joinFlight(
  state: FlightState,
  caller: string,
  nowMs: number,
  leaseMs: number,
): { readonly state: FlightState; readonly reply: FlightReply } {
  const { lead, landed } = state;
  if (landed !== null && nowMs < landed.untilMs) {
    return { state, reply: { kind: "answer", answer: landed.answer } };
  }
  if (lead !== null && lead.caller !== caller && nowMs < lead.untilMs) {
    return { state, reply: { kind: "wait", untilMs: lead.untilMs } };
  }
  return { state: { lead: { caller, untilMs: nowMs + leaseMs }, landed: null }, reply: { kind: "lead" } };
}

/**
 * @param answer null: there is none, and the next who asks leads. Of a leader whose lease went to another one an
 *   answer is taken all the same; that there is none is not.
 */
export function landFlight(
  state: FlightState,
  caller: string,
  answer: string | null,
  untilMs: number,
): FlightState {
  if (answer !== null) return { lead: null, landed: { answer, untilMs } };
  return state.lead?.caller === caller ? { ...state, lead: null } : state;
}
