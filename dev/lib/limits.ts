/**
 * What bounds the development servers. They are no part of the gateway, so their numbers don't live with
 * the gateway's; each has its unit and its reason all the same.
 */
export const DEV_LIMITS = {
  /** Larger bodies are answered 413. Above what the gateway ever sends to a model or a destination. */
  maxBodyBytes: 8 * 1_048_576,
  /** Calls or deliveries kept in memory; the oldest go first and are counted. A record file keeps all. */
  maxRecords: 500_000,
  /** Faults waiting at a time: more is a test that forgot to clean up. */
  maxFaults: 1_000,
  /** How long a test waits for something to be recorded before it fails with what there is. */
  recordWaitMs: 10_000,
} as const;
