/**
 * Bindings per jurisdiction, found by name: `PAYLOADS_EU` beside `PAYLOADS`, `LANE_NORMAL_EU` beside `LANE_NORMAL`. Where
 * there is none of its own, a jurisdiction's events use the common one; docs/regions.md says what that means.
 */
import { jurisdictionOf, parseEventId, partitionOf, type Jurisdiction } from "../core/ids.ts";
import type { BodyStore } from "./stored-bodies.ts";

/** `_EU`, or nothing. */
export function bindingSuffix(jurisdiction: Jurisdiction): string {
  return jurisdiction === "none" ? "" : `_${jurisdiction.toUpperCase()}`;
}

/** Bodies lie under their event's id, which says its jurisdiction. */
export function payloadsByKey(binding: (name: string) => unknown): BodyStore {
  const storeOf = (key: string): BodyStore => {
    const own = binding(`PAYLOADS${bindingSuffix(jurisdictionOfKey(key))}`);
    const store = isBodyStore(own) ? own : binding("PAYLOADS");
    if (!isBodyStore(store)) throw new Error('wrangler.toml: there is no R2 bucket bound as "PAYLOADS"');
    return store;
  };
  return {
    get: (key) => storeOf(key).get(key),
    put: (key, value, options) => storeOf(key).put(key, value, options),
    // All of one partition, and so of one jurisdiction.
    delete: async (keys) => {
      const [first] = keys;
      if (first !== undefined) await storeOf(first).delete(keys);
    },
  };
}

function jurisdictionOfKey(key: string): Jurisdiction {
  const id = parseEventId(key.split("/")[1] ?? "");
  return id.ok ? jurisdictionOf(partitionOf(id.value)) : "none";
}

function isBodyStore(value: unknown): value is BodyStore {
  return typeof value === "object" && value !== null && "delete" in value; // an R2 bucket, by its binding's name
}
