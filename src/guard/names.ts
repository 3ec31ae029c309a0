/** Every guard that a config asks for, by the name of its object: models, their regional endpoints, limited destinations, shards. */
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
