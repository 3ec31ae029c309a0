/** What the lanes and the ordered log bound: batches, leases, backlogs, retention. Each with its unit and its reason. */
import { DAY_MS, HOUR_MS, KIB, SECOND_MS } from "./units.ts";

export const LOG_LIMITS = {
  lanes: {
    /** Events one consumer invocation works on at once: below the platform's six connections. */
    driverSlots: 5,
    /** A driver stops taking new work after this; deploys give an invocation about 30 s. */
    driveBudgetMs: 30 * SECOND_MS,
    /** A driver with nothing to do waits at most this long for work that is due soon. */
    lingerMs: 1_500,
    /** The backlog of a lane from which on events are shed, where the config does not say: about an hour of work. */
    defaultMaxBacklog: 100_000,
    /** How long a lane's word on its backlog is believed; after it one event goes through and asks anew. */
    depthFreshMs: 5 * SECOND_MS,
    /** Delay of a message whose partition pushed back or could not be reached. */
    retryDelaySeconds: 15,
    /** The sweep leaves what has only just become due to lane and alarm, and pokes this many at most a minute. */
    sweepGraceMs: 90 * SECOND_MS,
    sweepPartitions: 200,
    /** A partition with open work is looked at this often, however late its next work is due: a pause may end before. */
    sweepAgainMs: HOUR_MS,
    /** Between tries to keep an undeliverable message: a hundred of them span four days of R2 being down. */
    undeliverableRetrySeconds: 3_600,
    /** Calls to a partition are tried this often before the message is returned to the lane. */
    rpcAttempts: 3,
  },
  partition: {
    /** Open events and bytes of one partition; beyond nine tenths of it `offer` pushes back. */
    maxOpenEvents: 120_000,
    maxStoredBytes: 1_000_000_000,
    /** Of the bounds, only for completions. */
    reservedShare: 0.1,
    /** Rows read to find the next work. Memory does not grow with the backlog. */
    headEvents: 32,
    /** Timeline entries kept per event; the oldest in the middle go first. */
    maxTimelineEntries: 64,
    /** A lease must outlive any one delivery; it is extended when half of it is left. */
    minLeaseMs: 61 * SECOND_MS,
    /** Grants after which an event that never finished runs alone, and after which it is poison. */
    isolateAfterStarts: 3,
    poisonAfterStarts: 5,
    /** Links in a chain of emitted events. */
    maxEmitDepth: 8,
    maxEmitsPerEvent: 32,
    /** Of a result that goes along when a duplicate is told; it is stored in KV under this bound, too. */
    maxToldResultBytes: 8 * KIB,
    /** A table is looked at for dropping this long after its week: the shortest `retainMs` that makes sense. */
    minRetainMs: 7 * DAY_MS,
    /** Dead letters and reviews nobody has dealt with are kept this long. */
    keepExceptionsMs: 90 * DAY_MS,
    /** How long ids are remembered after the end: longer than any lane or sender redelivers. */
    rememberIdsMs: 30 * DAY_MS,
    /** What the ledger has not acknowledged by then is told again, so many events at once, ever more rarely up to once an hour. */
    outboxFirstMs: 30 * SECOND_MS,
    outboxAgainMs: HOUR_MS,
    outboxEvents: 50,
    /** From this part of `maxStoredBytes` on, what was delivered is dropped before its time, so many events at once. */
    pressureShare: 0.8,
    earlyDropEvents: 500,
    /** When there was nothing to drop, it is looked at again after this. */
    pressureAgainMs: HOUR_MS,
    /** A ring is not repeated within this time: the lane is at-least-once and has its own wait. */
    ringEveryMs: 5 * SECOND_MS,
    /** Senders that wait for an answer of one partition at once: an object serves about so many requests a second. */
    maxOpenDecisions: 1_000,
    /** After a sender's deadline, before its event is answered by default without it: its own commit comes first. */
    decisionGraceMs: SECOND_MS,
    /** After an answer by default, for the model to come to its end; `waitUntil` has 30 s after the answer. */
    decisionLateMs: 20 * SECOND_MS,
  },
  sync: {
    /** `deadlineMs` of a route. Below it no model answers; beyond it senders have given up. */
    minDeadlineMs: 100,
    maxDeadlineMs: 25 * SECOND_MS,
    /** Kept of the deadline for the commit of the default: twice what the partition took to answer, at least this. */
    minMarginMs: 40,
    /** And at most this part of the deadline. */
    maxMarginShare: 0.5,
    /** Attempts of the pipeline before the cut-off; from the second on fallback models are asked. */
    maxAttempts: 3,
    /** Between them, where nobody says how long. */
    retryDelayMs: 50,
  },
} as const;
