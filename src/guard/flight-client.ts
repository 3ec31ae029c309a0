/** Flights across locations, over objects of the guard's class named `flight:<key>`. Every failure is a flight alone. */
import type { JoinedFlight, SharedFlights } from "../cache/ports.ts";
import { LIMITS } from "../config/limits.ts";
import * as z from "zod";
import { flightReplySchema } from "../core/flight.ts";
import type { Logger } from "../telemetry/log.ts";
import type { GuardTransport } from "./transport.ts";
import { GUARD_WIRE_VERSION } from "./wire.ts";

export interface FlightClientDeps {
  readonly send: GuardTransport;
  readonly nowMs: () => number;
  /** Resolves early when the signal aborts. */
  readonly sleep: (delayMs: number, signal: AbortSignal) => Promise<void>;
  readonly newId: () => string;
  readonly logger: Logger;
}

export function createSharedFlights(deps: FlightClientDeps): SharedFlights {
  return { join: (key, signal) => join(deps, `flight:${key}`, signal) };
}

async function join(deps: FlightClientDeps, guard: string, signal: AbortSignal): Promise<JoinedFlight> {
  const caller = deps.newId();
  const giveUpAtMs = deps.nowMs() + LIMITS.cache.maxFlightWaitMs;
  let pollMs: number = LIMITS.cache.firstFlightPollMs;
  for (;;) {
    const command = { v: GUARD_WIRE_VERSION, caller };
    const joined = await deps.send({ guard, method: "joinFlight", command, value: flightReplySchema });
    if (!joined.ok) {
      deps.logger.warn("flight_no_answer", { code: joined.error.code, message: joined.error.message });
      return { kind: "alone" };
    }
    if (joined.value.kind === "answer") return joined.value;
    if (joined.value.kind === "lead") {
      return { kind: "lead", land: (answer) => land(deps, guard, caller, answer) };
    }
    if (signal.aborted || deps.nowMs() + pollMs > giveUpAtMs) return { kind: "alone" };
    await deps.sleep(pollMs, signal);
    if (signal.aborted) return { kind: "alone" };
    pollMs = Math.min(pollMs * 2, LIMITS.cache.maxFlightPollMs);
  }
}

async function land(
  deps: FlightClientDeps,
  guard: string,
  caller: string,
  answer: string | null,
): Promise<void> {
  // It travels in a header: ASCII, and small. One that is too large is told as none.
  const ascii = answer === null ? null : toAscii(answer);
  const fits = ascii !== null && ascii.length <= LIMITS.cache.maxFlightAnswerCharacters;
  const command = { v: GUARD_WIRE_VERSION, caller, answer: fits ? ascii : null };
  const landed = await deps.send({ guard, method: "landFlight", command, value: z.null() });
  if (!landed.ok) deps.logger.warn("flight_not_landed", { code: landed.error.code });
}

/** Of a JSON text, another text of the same JSON value. */
function toAscii(json: string): string {
  return json.replaceAll(
    /[\u007F-\uFFFF]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
