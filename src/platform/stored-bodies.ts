/** Bodies that lie in R2 beside their events: written once, under a key that holds their digest, and removed with them. */

/** @param sha256 of the bytes, in hex: R2 refuses a write that arrives changed */
export type PutBody = (key: string, bytes: Uint8Array<ArrayBuffer>, sha256: string) => Promise<void>;

/** A body that is there already is the same one: its key holds its digest. */
export function putBodyOnce(bucket: R2Bucket): PutBody {
  return async (key, bytes, sha256) => {
    await bucket.put(key, bytes, { onlyIf: { etagDoesNotMatch: "*" }, sha256 });
  };
}

/** What R2 takes in one call. */
const MAX_KEYS_PER_CALL = 1_000;

/**
 * Removes bodies whose events are forgotten. Keys that are not there (any more) are no failure, so it may be repeated.
 * @throws what R2 throws: some may be gone, none is in doubt
 */
export async function removeBodies(bucket: R2Bucket, keys: readonly string[]): Promise<void> {
  for (let start = 0; start < keys.length; start += MAX_KEYS_PER_CALL) {
    await bucket.delete(keys.slice(start, start + MAX_KEYS_PER_CALL));
  }
}
