/**
 * Every buffer, depth, size, wait and retry that Sluice bounds, with its unit and its reason.
 * What a deployer should tune is in `config/`; what is here protects the machinery.
 */

import { GUARD_LIMITS } from "./guard-limits.ts";
import { DAY_MS, HOUR_MS, KIB, MIB, MINUTE_MS, SECOND_MS } from "./units.ts";

export { DAY_MS, HOUR_MS, KIB, MIB, MINUTE_MS, SECOND_MS };

export const LIMITS = {
  ingest: {
    /** Default cap on a request body; a source may raise it to `maxBodyBytes`. */
    defaultBodyBytes: MIB,
    /** Hard cap per source: what a claim check in R2 is tested for. */
    maxBodyBytes: 25 * MIB,
    /** A queue message may be 128 KB; the rest is room for the broker's own encoding. */
    maxMessageBytes: 120_000,
    /** A request that is not durable by then is answered 503, and the sender tries again. */
    durableWithinMs: 2 * SECOND_MS,
    /** A strict event that may be queued out of order is, when its partition has not answered by then. */
    orderedWithinMs: SECOND_MS,
    /** What R2 writes at the least: a large body is given that much longer. */
    minStoreBytesPerSecond: 4 * MIB,
    /** Reading a body may not take longer: slow senders hold a request open for nothing. */
    bodyReadMs: 30 * SECOND_MS,
    /** Of a body that says how long it is: so much time, and more for each second that this rate needs. */
    bodyGraceMs: 5 * SECOND_MS,
    minBodyBytesPerSecond: 64 * KIB,
    /** Deeper JSON is refused: recursion in later stages stays bounded. */
    maxJsonDepth: 64,
    /** Total keys and elements of a body; a cheap guard against inputs that are all structure. */
    maxJsonNodes: 200_000,
    /** Longer signature headers are not parsed. Real ones are below 1 KiB. */
    maxSignatureHeaderBytes: 4 * KIB,
    /** How old, or how far in the future, a signed timestamp may be, where a source does not say. */
    signatureToleranceMs: 5 * MINUTE_MS,
    /** Imported keys kept per isolate: several per source while secrets are rotated. */
    maxCachedKeys: 256,
    /** Signatures tried per request, all secrets together: forgeries must not buy CPU. */
    maxSignatureChecks: 20,
    /** Characters of a sender's own id; longer ones are hashed. */
    maxDedupeKeyCharacters: 256,
    /** Characters of an event type; it is a name, and part of every log line and metric. */
    maxTypeCharacters: 128,
    /** Places a 422 or a quarantine names where a payload breaks its schema. */
    maxIssues: 20,
    /** Allow-listed headers kept in the envelope, all together. */
    maxKeptHeaderBytes: 4 * KIB,
    /** What a sender is told to wait after a 503. */
    retryAfterSeconds: 5,
    /** After an event was shed: a lane that deep is not empty in seconds. */
    shedRetryAfterSeconds: 60,
    /** After a 429: the shorter of the two periods that the Rate Limiting binding counts in. */
    floodRetryAfterSeconds: 10,
    /** Headers of a request, and their names and values together. Real senders stay below 60 and 8 KiB. */
    maxHeaders: 128,
    maxHeaderBytes: 96 * KIB,
    /** How far a `Content-Type` may be from JSON or a form: nothing else is read. */
    maxContentTypeCharacters: 256,
    /** Events taken from one body; senders put at most some thousands into one, all written before the answer. */
    maxEventsPerBody: 3_000,
    /** A challenge of a sender's set-up dialogue that is echoed. Real ones are below 1 KiB. */
    maxChallengeCharacters: 4 * KIB,
    /** Fetching a sender's certificate, or the URL that confirms a subscription. */
    senderFetchMs: 5 * SECOND_MS,
    /** Real certificates have about 2 KiB. */
    maxCertificateCharacters: 64 * KIB,
    /** Certificates kept per isolate: one per region and rotation. */
    maxCachedCertificates: 32,
    /** How long a certificate is believed without being fetched again. */
    certificateCacheMs: DAY_MS,
  },
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
    /** Open events and bytes of one partition; beyond it `offer` pushes back. */
    maxOpenEvents: 100_000,
    maxStoredBytes: 1_000_000_000,
    /** Of the bounds, only for completions. */
    reservedShare: 0.1,
    /** Rows read to find the next work. Memory does not grow with the backlog. */
    headEvents: 32,
    /** Timeline entries kept per event; the oldest in the middle go first. */
    maxTimelineEntries: 64,
    /** A lease must outlive any one delivery; it is extended when half of it is left. */
    minLeaseMs: 61 * SECOND_MS,
    /** Well below `headEvents`, so that one commit never empties the loaded head. */
    maxLookahead: 16,
    /** Grants after which an event that never finished runs alone, and after which it is poison. */
    isolateAfterStarts: 3,
    poisonAfterStarts: 5,
    /** Links in a chain of emitted events. */
    maxEmitDepth: 8,
    maxEmitsPerEvent: 32,
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
  },
  guard: GUARD_LIMITS,
  budget: {
    /** How often an isolate tells and asks a budget's object: what all of them spend meanwhile may pass the budget. */
    syncEveryMs: 10 * SECOND_MS,
    /** Part of a day's budget that an isolate may keep untold when an invocation ends: it may be the last. */
    untoldShare: 0.01,
    /** An event that waits for the next day looks again after this: its budget may have been raised. */
    recheckMs: HOUR_MS,
    /** So that not everything that waited comes back at once. */
    spreadMs: MINUTE_MS,
  },
  models: {
    /** To the response's headers, to the first token, between tokens, and for the whole call. */
    connectTimeoutMs: 10 * SECOND_MS,
    firstTokenTimeoutMs: 20 * SECOND_MS,
    idleTimeoutMs: 15 * SECOND_MS,
    totalTimeoutMs: 60 * SECOND_MS,
    /** A model answer beyond this is not read further. */
    maxOutputCharacters: 400_000,
    /** Untrusted text in a prompt is cut here. */
    maxPromptInputCharacters: 100_000,
    /** Of a model's answer as it comes over the wire: ample for `maxOutputCharacters` in chunks of one token each. */
    maxResponseBytes: 32 * MIB,
    /** Of an error's body: enough to find its code in. */
    maxErrorBodyBytes: 64 * KIB,
    /** Reserved for the answer when a request names no `maxOutputTokens`; settled to what was really used. */
    assumedOutputTokens: 512,
    /** A model whose key or URL is not set yet: the event waits this long for its operator. */
    notConfiguredRetryMs: MINUTE_MS,
    /** The attempt in which a transient failure goes on to the next model: a hiccup is retried with the first. */
    fallbackAfterAttempts: 2,
    /** From here on data is taken for an injected instruction; measured in docs/models.md. */
    injectionThreshold: 0.6,
  },
  stages: {
    /** Own code of a deployer: a look-up that hangs must not hold the lease for ever. */
    enrichTimeoutMs: 15 * SECOND_MS,
    formatTimeoutMs: 5 * SECOND_MS,
    /** An event whose body has no room beside other large ones waits this long. */
    noRoomRetryMs: 2 * SECOND_MS,
    /** Fetching a body that lies in R2, and the schema. */
    parseTimeoutMs: 15 * SECOND_MS,
    /** The infer stage (guard, calls, checks) ends this long before a lease of the event's policy would. */
    leaseMarginMs: 5 * SECOND_MS,
    /** One delivery, for a destination that ignores its own time-out. At most half a lease: no effect starts unless the lease outlives it. */
    deliverTimeoutMs: 30 * SECOND_MS,
    /** A pipeline or model that the config no longer has: time for the deploy to be rolled back. */
    missingConfigRetryMs: MINUTE_MS,
    /** Schema issues named in one failure. */
    maxIssues: 10,
    maxTypeCharacters: 256,
    /** Payloads of all events that one event emits. They are stored in its row as well. */
    maxEmitBytes: 256 * KIB,
    /** A stored output as JSON: with its envelope it must fit a row of 2 MB. */
    maxStoredOutputBytes: 1_500_000,
  },
  cache: {
    /** The least life KV takes. A shorter one is kept by the entry's own time. */
    minTtlSeconds: 60,
    /** A slow look-up is a miss: the cache must never cost more than it saves. */
    readTimeoutMs: SECOND_MS,
    writeTimeoutMs: 2 * SECOND_MS,
    /** Longest wait for an equal request that is under way in this isolate; then it is asked beside it. */
    maxFlightWaitMs: 60 * SECOND_MS,
    /** KV remembers a miss for a minute, so new answers are kept in the isolate for as long: how many, how large. */
    recentMs: MINUTE_MS,
    maxRecentAnswers: 64,
    maxRecentCharacters: 32 * KIB,
    /** Across locations: how long one caller leads without an answer. A longer call is made twice. */
    flightLeaseMs: 30 * SECOND_MS,
    /** How long its answer is handed out: after a minute every location's KV knows it. */
    flightAnswerMs: MINUTE_MS,
    /** How often who waits asks again: at first, and at most. */
    firstFlightPollMs: 250,
    maxFlightPollMs: 2 * SECOND_MS,
    /** Of an answer that is handed out: it travels in a request header. */
    maxFlightAnswerCharacters: 8 * KIB,
  },
  destinations: {
    timeoutMs: 15 * SECOND_MS,
    /** Of the answer, for the record; more is not read. */
    maxResponseBytes: 16 * KIB,
    maxBodyBytes: MIB,
    /** Reading what is left of an answer keeps its connection usable; it may not delay the next delivery. */
    drainMs: 250,
    /** A queue message may be 128 KB; the rest is room for the broker's own encoding. */
    maxQueueMessageBytes: 120_000,
    /** Secrets that sign one delivery at once, while one is rotated: each costs a signature per delivery. */
    maxSigningSecrets: 4,
    /** A destination whose URL, secret or binding is not set yet: the event waits this long for its operator. */
    notConfiguredRetryMs: MINUTE_MS,
  },
  streams: {
    maxRequestBytes: MIB,
    heartbeatMs: 15 * SECOND_MS,
    /** What a browser is told to wait before it reconnects. */
    reconnectMs: 2 * SECOND_MS,
    /** Asked of a model by one request; what the model itself allows is usually less. */
    maxOutputTokens: 200_000,
    /** What a client is told to wait after a 503 that names no time of its own. */
    retryAfterSeconds: 5,
    /**
     * Frames are stored together: a row when this many are this old, at this size, or after `maxUnstoredMs` at the latest (what a
     * crash can take back). A slow model's rows would otherwise cost more than its tokens.
     */
    flushMs: 100,
    flushFrames: 40,
    maxUnstoredCharacters: 4 * KIB,
    maxUnstoredMs: SECOND_MS,
    /** However fast the model is: bounds memory and what a crash can take back. */
    maxUnstoredFrames: 256,
    /** Ids left out after a crash: more than can have been shown between two writes. */
    idsPerRestart: 10_000,
    /** One frame: fits a row of 2 MB however its text is escaped. */
    maxFrameCharacters: 64 * KIB,
    /** Newest frames kept in memory for viewers; who is further behind reads from storage. */
    tailFrames: 256,
    /** Stored rows read at once for a viewer that is behind. */
    replayChunks: 8,
    /** While it generates, an object is looked after by an alarm this often. */
    watchdogMs: 30 * SECOND_MS,
    /** Beyond the model's own time-outs, before the watchdog ends a generation. */
    deadlineMarginMs: 10 * SECOND_MS,
    /** How long an ended stream can be read, and its tokens are valid. */
    retentionMs: HOUR_MS,
    /** What the platform keeps an object awake for; no generation is given longer. */
    maxLifeMs: 15 * MINUTE_MS,
    /** Where the config names no other: one person at a few tabs, and a script in a loop. */
    perUser: { startsPerMinute: 30, maxConcurrent: 10 },
    /** No start limit may be higher: the index keeps every start of the last minute. */
    maxStartLimit: 1_000,
    /** The list of one user's streams: as long as they can be read. */
    index: { maxEntries: 1_000, retentionMs: HOUR_MS },
    /** `GET /v1/streams?user=` shows this many. */
    maxListed: 100,
    maxUserCharacters: 256,
    /** How often an object asks again by itself after it died: whatever killed it may do so again. */
    maxReasks: 2,
    /** How long a page may read an event's stream with one token. */
    eventTokenMs: HOUR_MS,
    /** What a viewer of an event's stream is told to wait while there is nothing to be seen yet. */
    notYetMs: SECOND_MS,
    /** Of one stream at once: an object serves about so many requests a second. */
    maxViewers: 1_000,
  },
  secrets: {
    /** How long an isolate believes what the Secrets Store said: how long a rotation takes to be seen everywhere. */
    cacheMs: MINUTE_MS,
    /** A store that does not answer is not asked again before. */
    retryMs: 5 * SECOND_MS,
    /** And for so long what it said last still counts: an outage of the store is not one of the gateway. */
    maxStaleMs: 15 * MINUTE_MS,
  },
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
    /** Parts joined at once: as many values as a statement of D1 may bind. More wait for the next minute. */
    maxFoldedParts: 100,
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
  headers: {
    /** `Retry-After` and limit headers beyond this are taken for nonsense. */
    maxRetryAfterMs: HOUR_MS,
  },
} as const;
