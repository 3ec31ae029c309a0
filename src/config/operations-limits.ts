/** What the ledger, replays, the operator API, the dashboard and telemetry bound. None of it is on an event's way. Each with its unit and its reason. */
import { DAY_MS, HOUR_MS, KIB, MIB, MINUTE_MS, SECOND_MS } from "./units.ts";

export const OPERATIONS_LIMITS = {
  ledger: {
    /** Rows a list reads at most where no index serves its filter: the page is short then, and the next one goes on. */
    scanRows: 5_000,
    /** Packed successes: about 700 bytes each, and what one look-up reads must stay in memory. */
    eventsPerPack: 200,
    packsPerPage: 20,
    /** Rows of one answer about rollups. */
    maxRollups: 10_000,
    /** Deleted per table and minute: above what a busy gateway adds, below what a statement may take. */
    retireRowsPerRun: 2_000,
    /** As long as partitions keep what nobody has dealt with. */
    keepExceptionsMs: 90 * DAY_MS,
    keepRollupsMs: 90 * DAY_MS,
    keepAuditMs: 400 * DAY_MS,
    /** Between tries to write to D1, doubling: a hundred of them outlast most of a day. */
    firstRetrySeconds: 15,
    maxRetrySeconds: 600,
    /** Partitions told at once that the ledger has their summaries: below the platform's six connections. */
    acknowledgeAtOnce: 5,
    /** How long successes can be looked up, where the config does not say. */
    defaultRetainDays: 30,
  },
  replay: {
    /** Jobs that one minute drives, and events of each between two notes of how far it has come. */
    jobsAtOnce: 4,
    eventsPerChunk: 20,
    eventsAtOnce: 5,
    /** A step takes nothing new after this, so that it ends before the next minute's begins. */
    stepMs: 45 * SECOND_MS,
    /** Who is silent for longer has lost the job: above what a chunk of the slowest models takes. */
    holdMs: 10 * MINUTE_MS,
    /** Minutes an event is tried whose partition, or model, cannot be reached. */
    maxTries: 10,
  },
  operator: {
    maxRequestBytes: MIB,
    /** Of a list. */
    defaultPageSize: 50,
    maxPageSize: 200,
    /** An edited payload stays in its event's row, beside output and original. */
    maxPayloadBytes: 512 * KIB,
    /** Events that one call of a bulk action handles; more is a replay job's work. */
    maxBulkEvents: 100,
    bulkAtOnce: 5,
    maxReasonCharacters: 500,
    /** Per token and isolate: people and dashboards stay far below, a script that runs away does not. */
    requestsPerMinute: 600,
    requestBurst: 120,
    /** Tokens whose rate an isolate remembers; the oldest beyond it start anew. */
    maxRatedTokens: 1_000,
    /** Per caller (an address, or an IPv6 /64) and isolate, over /v1, /admin/v1, /dashboard and /metrics together. A page whose token ended stays below. */
    refusedTokensPerMinute: 30,
    /** Callers whose refusals an isolate remembers; the oldest beyond it start anew. */
    maxRatedCallers: 10_000,
    /** How long the secret before a rotation may stay valid. */
    maxRotationGraceMs: 7 * DAY_MS,
    maxTokens: 500,
    /** Of one replay of history. */
    replayMaxRatePerMinute: 600,
    replayMaxEvents: 100_000,
    /** The whole of one event's shadow run, its turn at the guard included. */
    shadowTimeoutMs: 90 * SECOND_MS,
    /** What a shadow's report holds at most: it is one row. */
    reportFields: 80,
    reportTransitions: 60,
    reportExamples: 20,
    /** A breaker that an operator opened stays open no longer than this. */
    maxTripMs: DAY_MS,
  },
  dashboard: {
    /** A working day; after it the token is asked for again. */
    sessionMs: 12 * HOUR_MS,
    /** An edited payload of `operator.maxPayloadBytes`, percent-encoded. */
    maxFormBytes: 2 * MIB,
    /** Per address and isolate: ample for people who mistype, useless for guessing. */
    loginsPerMinute: 10,
    maxRatedAddresses: 1_000,
    /** Of a payload or an output; more is not shown, and not edited. */
    maxShownCharacters: 256 * KIB,
    /** Partitions of the list that are asked how they stand: a request each. */
    shownStatuses: 20,
    shownIncidents: 20,
  },
  telemetry: {
    /** An isolate sends its counts no more often. Each message costs three queue operations. */
    flushEveryMs: 10 * SECOND_MS,
    /** Series of one message: with names and labels at their longest it still fits 120 KB. */
    maxSeries: 400,
    /** Counts that go along with event summaries; more of them go alone. A small gateway's are about 3 KB. */
    maxRidingBytes: 20_000,
    /** Values of one label in one isolate; what comes after is counted as `other`. */
    maxLabelValues: 100,
    /** Series of all isolates together: they are one row of D1, which may hold 2 MB. */
    maxTotalSeries: 5_000,
    /** Points written at once; the platform allows 250 per invocation. */
    maxAnalyticsPoints: 200,
    /** Counts of a minute are joined into one row when most of them must have come. */
    foldAfterMs: 2 * MINUTE_MS,
    /** Parts joined in one transaction: some megabytes of counts. */
    maxFoldedParts: 250,
    /** How long one minute's folding may go on, transaction after transaction. */
    foldMs: 20_000,
    /** Parts that may wait: what is beyond this when the time is over is given up, so many at once, and counted. */
    maxWaitingParts: 20_000,
    maxShedParts: 5_000,
    /** A minute's, of four queries each: ten times what the telemetry queue can bring in that time. */
    maxSheds: 10,
    /**
     * No further transaction of a minute's folding begins beyond this. An invocation has 1,000 queries, for every ledger and chore:
     * https://developers.cloudflare.com/d1/platform/limits/ It is enough for some 5,000 parts, 80 a second: the telemetry queue
     * brings at most 50 (5,000 messages a second, a hundred in a part).
     */
    maxFoldQueries: 150,
    /** Parts that one look at the counts reads beside what is joined. */
    maxReadParts: 1_000,
    /** A ledger that takes longer for a minute's gauges or alerts counts as unavailable. */
    watchMs: 20_000,
    /** Per-minute counts and samples are kept this long: plots, and a week of the same time of day for alerts. */
    keepMinutesMs: 15 * DAY_MS,
    /** Partitions asked every minute how much is open: a request each. With more, each is asked less often. */
    maxSurveyedPartitions: 100,
    surveyConcurrency: 10,
    /** Alerts look at this much, ending this long ago: by then a minute's counts have come. */
    alertWindowMs: 5 * MINUTE_MS,
    alertLagMs: MINUTE_MS,
    /** A notice that no receiver took is given up. */
    keepNoticesMs: DAY_MS,
    maxNoticesAtOnce: 10,
    notifyTimeoutMs: 5 * SECOND_MS,
    /** Spans are sent this long after the first of them. */
    exportEveryMs: 2 * SECOND_MS,
    /** About 400 bytes each; what comes while they wait is dropped, and counted. */
    maxBufferedSpans: 1_000,
    exportTimeoutMs: 3 * SECOND_MS,
    /** A collector that failed is left alone this long. */
    exportPauseMs: 30 * SECOND_MS,
    /** A lane, a guard or a partition that does not say by then is left out of this minute. */
    sampleTimeoutMs: 3 * SECOND_MS,
  },
} as const;
