/** What stages, model calls, their cache and budgets, and deliveries bound. Each with its unit and its reason. */
import { DAY_MS, HOUR_MS, KIB, MIB, MINUTE_MS, SECOND_MS } from "./units.ts";

export const PIPELINE_LIMITS = {
  /** What a config may set. Beyond these a number is a mistake, not a choice. */
  config: {
    /** No call is waited for longer: the invocation that waits would not live. */
    maxTimeoutMs: 10 * MINUTE_MS,
    /** Ages, retention, waits. */
    maxDurationMs: 366 * DAY_MS,
    maxRetries: 1_000,
    maxRetryFactor: 10,
    /** Partitions of events without a customer: each is an object. */
    maxUnkeyedShards: 1_024,
  },
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
    /** After a finish reason: usage may still come. Silence by then is the end, though the connection stays open. */
    endGraceMs: 500,
    /** The same after a finish reason on an answer's very first piece: some models give one to every piece. */
    unsureEndGraceMs: 2 * SECOND_MS,
    /** A connection that the other side keeps open after the answer's end is closed then. */
    hangUpMs: 500,
    /** A model answer beyond this is not read further. */
    maxOutputCharacters: 400_000,
    /** Untrusted text in a prompt is cut here. */
    maxPromptInputCharacters: 100_000,
    /** Tokens of one call, each way, that a provider is believed: ten times the largest context there is. */
    maxReportedTokens: 20_000_000,
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
    /** And its room expires: no consumer's invocation lasts longer. */
    bodyRoomMs: 15 * MINUTE_MS,
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
} as const;
