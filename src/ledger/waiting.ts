/** What waits for a person, summed up over pipelines: for gauges and alerts. */
import type { WaitingForPeople } from "../telemetry/gauges.ts";
import type { ExceptionCount } from "./port.ts";

export function waitingForPeople(exceptions: readonly ExceptionCount[]): WaitingForPeople {
  const counted = (state: ExceptionCount["state"]) =>
    exceptions.filter((one) => one.state === state).reduce((sum, { count }) => sum + count, 0);
  const reviewsSince = exceptions.flatMap(({ state, oldestEndedAtMs }) =>
    state === "review" && oldestEndedAtMs !== null ? oldestEndedAtMs : [],
  );
  return {
    deadLetters: counted("dead"),
    reviews: counted("review"),
    oldestReviewAtMs: reviewsSince.length === 0 ? null : Math.min(...reviewsSince),
  };
}
