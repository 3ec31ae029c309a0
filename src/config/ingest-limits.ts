/** What the front door bounds: bodies, headers, keys, times. Each with its unit and its reason. */
import { DAY_MS, HOUR_MS, KIB, MIB, MINUTE_MS, SECOND_MS } from "./units.ts";

export const INGEST_LIMITS = {
  ingest: {
    /** Cap on a request body where its sender documents no other; a source may raise it to `maxBodyBytes`. */
    defaultBodyBytes: MIB,
    /**
     * Hard caps per source, and what a byte of a body holds alive at its peak, measured by `npm run bench:bodies`: itself, its text and
     * its payload, which take two bytes a character at the most.
     */
    json: { maxBodyBytes: 25 * MIB, liveFactor: 4 },
    /** Of forms, and of bodies that are cut into items or go on without their secret: text and payload exist twice. */
    rewritten: { maxBodyBytes: 10 * MIB, liveFactor: 10 },
    /** Smaller bodies are not counted: so many of them at once would be a flood. */
    countedBodyBytes: 64 * KIB,
    /**
     * What counted bodies may hold alive together. An isolate has 128 MB; what is left is for its code, its caches and small
     * bodies. Measured: docs/design.md, "Large bodies".
     */
    maxLiveBytes: 100 * MIB,
    /** A body's room at the door expires: longer than reading, storing and answering take. */
    bodyRoomMs: 2 * MINUTE_MS,
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
    /** Keys of one published set, and keys kept per isolate where they are asked for by id. Real senders have two or three. */
    maxPublishedKeys: 32,
    /** How long a published key is believed without being fetched again. */
    publishedKeyCacheMs: HOUR_MS,
    /** And for so long while the host that publishes it does not answer. */
    publishedKeyStaleMs: DAY_MS,
    /** An id that was unknown is not asked for again before. */
    publishedKeyRetryMs: MINUTE_MS,
    /** Of one host of keys, by one isolate, whatever requests name. */
    maxKeyFetchesPerMinute: 10,
    /** How far the clocks of a token's issuer and of the platform may differ. */
    tokenClockSkewMs: MINUTE_MS,
    /** How long a certificate is believed without being fetched again. */
    certificateCacheMs: DAY_MS,
  },
  idempotency: {
    /** A look-up that is slower is passed by: it stands before the answer, and the partition knows the same. */
    lookUpMs: 50,
    /** Events of one request that are looked up: KV answers for so many keys in one call. */
    maxLookedUp: 100,
    /** After so many look-ups in a row that were passed by, an isolate asks nothing for a while: KV is down. */
    maxPassedInARow: 5,
    restMs: 5 * SECOND_MS,
    /** Every entry is kept for so long after the sender's last try, and no shorter than this. */
    keepAfterRetriesMs: DAY_MS,
    minKeepMs: 96 * HOUR_MS,
    /** The least life KV takes. */
    minTtlSeconds: 60,
    writeTimeoutMs: 5 * SECOND_MS,
    /** A sender that sends one event again and again costs one write: KV shows it only after about a minute. */
    writeAgainMs: MINUTE_MS,
    maxRecentWrites: 1_024,
  },
  secrets: {
    /** How long an isolate believes what the Secrets Store said: how long a rotation takes to be seen everywhere. */
    cacheMs: MINUTE_MS,
    /** A store that does not answer is not asked again before. */
    retryMs: 5 * SECOND_MS,
    /** And for so long what it said last still counts: an outage of the store is not one of the gateway. */
    maxStaleMs: 15 * MINUTE_MS,
  },
} as const;
