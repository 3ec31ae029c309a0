/** Bodies that lie in R2 beside their events: written once, under a key that holds their digest. */

/** What Sluice asks of the object store: R2, or a choice of buckets by key. */
export interface BodyStore {
  get(key: string): Promise<{ arrayBuffer(): Promise<ArrayBuffer> } | null>;
  put(
    key: string,
    bytes: Uint8Array<ArrayBuffer>,
    options: { readonly onlyIf: { readonly etagDoesNotMatch: string }; readonly sha256: string },
  ): Promise<unknown>;
  delete(keys: string[]): Promise<void>;
}

/** @param sha256 of the bytes, in hex: R2 refuses a write that arrives changed */
export type PutBody = (key: string, bytes: Uint8Array<ArrayBuffer>, sha256: string) => Promise<void>;

/** A body that is there already is the same one: its key holds its digest. */
export function putBodyOnce(bucket: Pick<BodyStore, "put">): PutBody {
  return async (key, bytes, sha256) => {
    await bucket.put(key, bytes, { onlyIf: { etagDoesNotMatch: "*" }, sha256 });
  };
}
