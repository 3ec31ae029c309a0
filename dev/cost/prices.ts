/** Cloudflare's list prices of the paid plan beyond what it includes, US dollars. Looked up in November 2026. */

export const PRICES_AS_OF = "2026-11";

/** Per million of the unit. */
export const PRICES = {
  workerRequest: 0.3,
  cpuMs: 0.02,
  /** Writing, reading and deleting a message of up to 64 KB are one each. */
  queueOperation: 0.4,
  objectRequest: 0.15,
  objectGigabyteSecond: 12.5,
  sqliteRowWritten: 1,
  d1RowWritten: 1,
  kvRead: 0.5,
  kvWrite: 5,
  r2ClassA: 4.5,
  r2ClassB: 0.36,
} as const;
