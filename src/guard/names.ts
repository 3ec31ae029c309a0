/** Every guard that a config asks for, by the name of its object: models, their regional endpoints, limited destinations, shards. */
import type { Jurisdiction } from "../core/ids.ts";
import type { GuardLimits } from "./port.ts";
import { shardNames } from "./shards.ts";

interface Guarded {
  readonly limits: GuardLimits;
  readonly regional?: readonly { readonly region: string; readonly definition: Guarded }[];
}

export interface GuardedParts {
  readonly models: ReadonlyMap<string, Guarded>;
  readonly destinations: ReadonlyMap<string, Guarded>;
}

export function guardNames({ models, destinations }: GuardedParts): readonly string[] {
  const limited = [...destinations].filter(([, { limits }]) =>
    Object.values(limits).some((limit) => limit !== undefined),
  );
  return [
    ...[...models].flatMap(([name, { limits, regional = [] }]) => [
      ...shardNames(`model:${name}`, limits),
      ...regional.flatMap(({ region, definition }) =>
        shardNames(`model:${name}@${region}`, definition.limits),
      ),
    ]),
    ...limited.flatMap(([name, { limits }]) => shardNames(`destination:${name}`, limits)),
  ];
}

/** A guard as operators see it. */
export interface NamedGuard {
  /** `model:fast`, and `eu:model:fast` for the one inside a jurisdiction. */
  readonly name: string;
  /** Of its object. */
  readonly object: string;
  readonly jurisdiction: Jurisdiction;
}

/** Those of `guardNames`, and their like in every jurisdiction that a source names: each has objects of its own. */
export function namedGuards(
  parts: GuardedParts & { readonly sources: ReadonlyMap<string, { readonly jurisdiction: Jurisdiction }> },
): readonly NamedGuard[] {
  const objects = guardNames(parts);
  const named = new Set([...parts.sources.values()].map(({ jurisdiction }) => jurisdiction));
  const jurisdictions: Jurisdiction[] = ["none", ...[...named].filter((one) => one !== "none").sort()];
  return jurisdictions.flatMap((jurisdiction) =>
    objects.map((object) => ({
      name: jurisdiction === "none" ? object : `${jurisdiction}:${object}`,
      object,
      jurisdiction,
    })),
  );
}
