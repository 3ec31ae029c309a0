/** Of the lanes, their drivers, and the client of partitions. */
import { equivalentsIn, type EquivalentMutant } from "./entry.ts";

const SET_TWICE = "told twice: by the exchange itself, and when its lease is followed";
const ATTEMPTS = "the client counts its own attempts; of the policy only the delays are used";

const ONE_EVENT = "the short way of most requests; the long way answers the same";

export const LANE_EQUIVALENTS: readonly EquivalentMutant[] = [
  ...equivalentsIn("src/lanes/append.ts", [
    ["4d63b493", "if (only !== undefined && envelopes.length === 1 && …", ONE_EVENT],
    ["7d2d40c7", "if (only !== undefined && envelopes.length === 1 && …", ONE_EVENT],
    ["8828c5e1", "if (only !== undefined && envelopes.length === 1 && …", ONE_EVENT],
  ]),
  ...equivalentsIn("src/lanes/bell.ts", [
    ["0128881e", "stopWaiting = null;", "aborting a timer that has fired does nothing"],
  ]),
  ...equivalentsIn("src/lanes/driver.ts", [
    ["0827e456", "this.expiresAtMs = lease.expiresAtMs;", SET_TWICE],
    ["0827e456-2", "this.expiresAtMs = lease.expiresAtMs;", SET_TWICE],
    ["ecf52c48", "this.tasks.delete(tracked);", "waiting for what has ended takes no time"],
    ["b198d20a", "if (waitMs <= 0) return;", "an exchange one millisecond early says the same"],
    ["07dc27a4", "thrown instanceof Error ? thrown : …", "either way an error with the same message"],
    ["f83fcad6-2", "this.outbox = [];", "the session is over: nobody looks into its outbox"],
  ]),
  ...equivalentsIn("src/lanes/held-event.ts", [
    ["486cd7c0", "return;", "nothing follows for a ready event but a refusal, which the driver logs"],
    ["624e24c8", "waitMs > 0 && …", "sleeping for no time returns at once"],
  ]),
  ...equivalentsIn("src/lanes/sweep.ts", [
    ["446052ef", "if (overdue.length > 0)", "only a log line hangs on it"],
    ["e8f04bf7", "if (overdue.length > 0)", "only a log line hangs on it"],
  ]),
  ...equivalentsIn("src/partition/client.ts", [
    ["add43de6", "maxRetries: 2,", ATTEMPTS],
    ["a45287ee", "maxRetries: 2,", ATTEMPTS],
  ]),
];
