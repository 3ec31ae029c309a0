/** Every guard that a config asks for, by the name of its object: models, their regional endpoints, limited destinations, shards. */
import type { Jurisdiction } from "../core/ids.ts";
import type { GuardLimits } from "./port.ts";
import { partOf, shardNames } from "./shards.ts";

interface Guarded {
  readonly limits: GuardLimits;
  readonly regional?: readonly { readonly region: string; readonly definition: Guarded }[];
}

export interface GuardedParts {
  readonly models: ReadonlyMap<string, Guarded>;
  readonly destinations: ReadonlyMap<string, Guarded>;
}

/** A guard's object, and its part of what the config allows. */
interface GuardObject {
  readonly object: string;
  readonly limits: GuardLimits;
}

export function guardNames(parts: GuardedParts): readonly string[] {
  return guardObjects(parts).map(({ object }) => object);
}

function guardObjects({ models, destinations }: GuardedParts): readonly GuardObject[] {
  const limited = [...destinations].filter(([, { limits }]) =>
    Object.values(limits).some((limit) => limit !== undefined),
  );
  return [
    ...[...models].flatMap(([name, { limits, regional = [] }]) => [
      ...shards(`model:${name}`, limits),
      ...regional.flatMap(({ region, definition }) => shards(`model:${name}@${region}`, definition.limits)),
    ]),
    ...limited.flatMap(([name, { limits }]) => shards(`destination:${name}`, limits)),
  ];
}

function shards(guard: string, limits: GuardLimits): readonly GuardObject[] {
  const names = shardNames(guard, limits);
  return names.map((object, shard) => ({
    object,
    limits: names.length === 1 ? limits : partOf(limits, names.length, shard),
  }));
}

/** A guard as operators see it. */
export interface NamedGuard {
  /** `model:fast`, and `eu:model:fast` for the one inside a jurisdiction. */
  readonly name: string;
  /** Of its object. */
  readonly object: string;
  readonly limits: GuardLimits;
  readonly jurisdiction: Jurisdiction;
}

/** Those of `guardNames`, and their like in every jurisdiction that a source names: each has objects of its own. */
export function namedGuards(
  parts: GuardedParts & { readonly sources: ReadonlyMap<string, { readonly jurisdiction: Jurisdiction }> },
): readonly NamedGuard[] {
  const objects = guardObjects(parts);
  const named = new Set([...parts.sources.values()].map(({ jurisdiction }) => jurisdiction));
  const jurisdictions: Jurisdiction[] = ["none", ...[...named].filter((one) => one !== "none").sort()];
  return jurisdictions.flatMap((jurisdiction) =>
    objects.map(({ object, limits }) => ({
      name: jurisdiction === "none" ? object : `${jurisdiction}:${object}`,
      object,
      limits,
      jurisdiction,
    })),
  );
}
