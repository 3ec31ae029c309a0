/**
 * Bindings per jurisdiction, found by name: `PAYLOADS_EU` beside `PAYLOADS`, `LANE_NORMAL_EU` beside `LANE_NORMAL`. Where
 * there is none of its own, a jurisdiction's events use the common one; docs/regions.md says what that means.
 */
import { jurisdictionOf, parseEventId, partitionOf, type Jurisdiction } from "../core/ids.ts";
import type { BodyStore } from "./stored-bodies.ts";

/** Those that the law knows; `none` is everything else. */
export const JURISDICTIONS = ["eu", "us", "fedramp"] as const satisfies readonly Jurisdiction[];

/** `_EU`, or nothing. */
export function bindingSuffix(jurisdiction: Jurisdiction): string {
  return jurisdiction === "none" ? "" : `_${jurisdiction.toUpperCase()}`;
}

/** A common one, and one for each jurisdiction that has its own. */
export class PerJurisdiction<Value> {
  private readonly common: Value;
  private readonly own: ReadonlyMap<Jurisdiction, Value>;

  /** @param find null: this jurisdiction has none of its own */
  constructor(common: Value, find: (jurisdiction: Jurisdiction) => Value | null) {
    this.common = common;
    const own = new Map<Jurisdiction, Value>();
    for (const jurisdiction of JURISDICTIONS) {
      const found = find(jurisdiction);
      if (found !== null) own.set(jurisdiction, found);
    }
    this.own = own;
  }

  of(jurisdiction: Jurisdiction): Value {
    return this.own.get(jurisdiction) ?? this.common;
  }

  hasOwn(jurisdiction: Jurisdiction): boolean {
    return this.own.has(jurisdiction);
  }

  /** Its own, and the common one: that has what came before it had its own. */
  withCommon(jurisdiction: Jurisdiction): readonly Value[] {
    return this.hasOwn(jurisdiction) ? [this.of(jurisdiction), this.common] : [this.common];
  }

  /** The common one first. */
  get all(): readonly Value[] {
    return [this.common, ...this.own.values()];
  }

  /** The common one, as `none`, first. */
  get entries(): readonly (readonly [Jurisdiction, Value])[] {
    return [["none", this.common], ...this.own];
  }

  map<Other>(make: (value: Value, jurisdiction: Jurisdiction) => Other): PerJurisdiction<Other> {
    const { own } = this;
    return new PerJurisdiction(make(this.common, "none"), (jurisdiction) => {
      const value = own.get(jurisdiction);
      return value === undefined ? null : make(value, jurisdiction);
    });
  }
}

/**
 * KV knows no jurisdictions: events of one use a namespace only where the deployer binds it for them (`RESULTS_EU`), and
 * never the common one. null: there is none.
 */
export function kvOf(
  binding: (name: string) => unknown,
  name: string,
  jurisdiction: Jurisdiction,
): KVNamespace | null {
  const value = binding(`${name}${bindingSuffix(jurisdiction)}`);
  return isKv(value) ? value : null;
}

export function isKv(value: unknown): value is KVNamespace {
  return typeof value === "object" && value !== null && "get" in value && "put" in value;
}

/** The queue of a jurisdiction's reports, where it has one; else the common one. */
export function telemetryQueueOf(
  binding: (name: string) => unknown,
  common: Pick<Queue, "send">,
  jurisdiction: Jurisdiction,
): Pick<Queue, "send"> {
  const own = binding(`TELEMETRY${bindingSuffix(jurisdiction)}`);
  return isQueue(own) ? own : common;
}

export function isQueue(value: unknown): value is Queue {
  return typeof value === "object" && value !== null && "send" in value && "sendBatch" in value;
}

/**
 * @param isBucket by its binding's name: no more needs to be looked at than that it is one
 * @throws Error naming the binding when there is no common bucket
 */
export function findBuckets<Bucket extends BodyStore>(
  binding: (name: string) => unknown,
  isBucket: (value: unknown) => value is Bucket,
): PerJurisdiction<Bucket> {
  const find = (name: string): Bucket | null => {
    const value = binding(name);
    return isBucket(value) ? value : null;
  };
  const common = find("PAYLOADS");
  if (common === null) throw new Error('wrangler.toml: there is no R2 bucket bound as "PAYLOADS"');
  return new PerJurisdiction(common, (jurisdiction) => find(`PAYLOADS${bindingSuffix(jurisdiction)}`));
}

/** Bodies lie under their event's id, which says its jurisdiction. */
export function payloadsByKey(binding: (name: string) => unknown): BodyStore {
  // Asked for late: a binding is looked at when a body is.
  const buckets = () => findBuckets(binding, isBodyStore);
  return {
    async get(key) {
      for (const bucket of buckets().withCommon(jurisdictionOfKey(key))) {
        const found = await bucket.get(key);
        if (found !== null) return found;
      }
      return null;
    },
    put: (key, value, options) => buckets().of(jurisdictionOfKey(key)).put(key, value, options),
    // All of one partition, and so of one jurisdiction.
    async delete(keys) {
      const [first] = keys;
      if (first === undefined) return;
      for (const bucket of buckets().withCommon(jurisdictionOfKey(first))) await bucket.delete(keys);
    },
  };
}

function jurisdictionOfKey(key: string): Jurisdiction {
  const id = parseEventId(key.split("/")[1] ?? "");
  return id.ok ? jurisdictionOf(partitionOf(id.value)) : "none";
}

function isBodyStore(value: unknown): value is BodyStore {
  return typeof value === "object" && value !== null && "delete" in value;
}
