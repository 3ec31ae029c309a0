/** What streams to browsers bound: frames, viewers, lives. Each with its unit and its reason. */
import { HOUR_MS, KIB, MIB, MINUTE_MS, SECOND_MS } from "./units.ts";

export const STREAM_LIMITS = {
  streams: {
    maxRequestBytes: MIB,
    heartbeatMs: 15 * SECOND_MS,
    /** What a browser is told to wait before it reconnects. */
    reconnectMs: 2 * SECOND_MS,
    /** The most that a browser is told to wait after trouble: it keeps to that for all its later reconnects. */
    maxComeBackMs: 10 * SECOND_MS,
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
    /**
     * A spare object is used within this, and prepared only where the start before came within this too. Well under `watchdogMs`, after which an
     * unused one deletes itself. The platform may take an idle object out of memory after 10 s: it is quick all the same, and sets its alarm anew.
     */
    spareUseMs: 20 * SECOND_MS,
    /** As many spares as there were starts in this time: an answer's first words, after which one is replaced, take about as long. */
    spareDemandMs: 2 * SECOND_MS,
    /** Before a spare is prepared: what it takes of a thread is not taken from an answer's first words. */
    spareDelayMs: 20,
    /** Per isolate. What a burst leaves unused costs a few rows each. */
    maxSpares: 8,
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
    /** How long what a stream's object counted waits for company: an object is paid for while it waits. */
    reportAfterMs: SECOND_MS,
    /** How often a verbatim relay reads what it has passed on: all that a cut or an absurd answer needs to be noticed in time. */
    listenEveryMs: SECOND_MS,
    /** Pieces read then: what most models say in that time, and what an answer may run ahead of a viewer that takes nothing. */
    listenMaxSteps: 500,
    /** Of one stream at once: an object serves about so many requests a second. */
    maxViewers: 1_000,
  },
} as const;
