/**
 * The state of a watch in R2, for what goes on while a ledger is down or full. One small object, written only when something
 * has changed, guarded by its ETag.
 */
import { watchingSchema, type StateStore, type Watching } from "./store.ts";

const KEY = "alerts/ledgers.json";
const NOTHING: Watching = { version: 0, state: {}, outbox: [] };

export function createObjectStateStore(bucket: Pick<R2Bucket, "get" | "put">): StateStore {
  let loaded: { readonly etag: string | null; readonly text: string } = { etag: null, text: "" };
  const put = async (watching: Watching): Promise<boolean> => {
    const text = JSON.stringify({ v: 1, ...watching });
    // Of a first write: only where nobody else was first.
    const onlyIf =
      loaded.etag === null ? new Headers({ "if-none-match": "*" }) : { etagMatches: loaded.etag };
    const written = await bucket.put(KEY, text, { onlyIf });
    if (written === null) return false;
    loaded = { etag: written.etag, text };
    return true;
  };
  return {
    async load() {
      const found = await bucket.get(KEY);
      if (found === null) {
        loaded = { etag: null, text: "" };
        return NOTHING;
      }
      loaded = { etag: found.etag, text: await found.text() };
      return watchingSchema.parse(JSON.parse(loaded.text));
    },
    async save({ version, state, outbox }) {
      if (isSame({ state, outbox }, loaded.text)) return true;
      return put({ version: version + 1, state, outbox });
    },
    async saveOutbox(version, outbox) {
      const { state, ...known } = watchingSchema.parse(JSON.parse(loaded.text));
      if (known.version === version) await put({ version, state, outbox });
    },
  };
}

/** Minute after minute, nothing changes. */
function isSame(next: Pick<Watching, "state" | "outbox">, text: string): boolean {
  const { state, outbox } = text === "" ? NOTHING : watchingSchema.parse(JSON.parse(text));
  return JSON.stringify([state, outbox]) === JSON.stringify([next.state, next.outbox]);
}
