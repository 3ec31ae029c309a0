/**
 * A model's endpoints: the one at `baseUrl`, which is central, and regional ones. Each is a model of its own to its guard: limits,
 * breaker, key and time-outs. Which are asked, in which order, is said here; whether one is well, its guard says.
 */
import type { Priority } from "../core/policy.ts";
import { nearestFirst, type Region } from "../core/regions.ts";
import type { GuardLimits } from "../guard/port.ts";
import type { BaseUrl, EndpointOptions } from "./endpoint.ts";
import type { ModelDefinition } from "./port.ts";

export interface RegionalEndpoint {
  readonly region: Region;
  readonly baseUrl: BaseUrl;
  /** What the provider grants there. Default: the model's limits, for this endpoint alone. */
  readonly limits?: GuardLimits;
}

export interface RegionalOptions extends EndpointOptions {
  readonly baseUrl?: BaseUrl;
  readonly endpoints?: readonly RegionalEndpoint[];
}

/** Adds to a builder of one endpoint what its options say of further ones. */
export function withEndpoints<Options extends RegionalOptions>(
  options: Options,
  build: (one: Options) => ModelDefinition,
): ModelDefinition {
  const central = build(options);
  const { endpoints = [] } = options;
  if (endpoints.length === 0) return central;
  const regional = endpoints.map(({ region, baseUrl, limits }) => ({
    region,
    definition: build({ ...options, baseUrl, ...(limits === undefined ? {} : { limits }) }),
  }));
  return { ...central, regional };
}

/**
 * The names to ask for, best first. Work of low priority stays at the central endpoint, where batch capacity is bought,
 * and leaves it only when that is not well; for everything else it is the last resort.
 */
export function endpointsInOrder(
  name: string,
  { regional = [] }: ModelDefinition,
  caller: { readonly priority: Priority; readonly region: string },
): readonly string[] {
  const near = nearestFirst(regional, caller.region).map(({ region }) => endpointName(name, region));
  return caller.priority === "low" ? [name, ...near] : [...near, name];
}

/** No model's name has an `@`. */
export function endpointName(name: string, region: Region): string {
  return `${name}@${region}`;
}

/** The model whose endpoint it is. */
export function modelOfEndpoint(name: string): string {
  return name.split("@", 1)[0] ?? name;
}

/** The definition behind a model's or an endpoint's name. */
export function findDefinition(
  definitions: ReadonlyMap<string, ModelDefinition>,
  name: string,
): ModelDefinition | undefined {
  const [model = "", region] = name.split("@", 2);
  const definition = definitions.get(model);
  if (region === undefined) return definition;
  return definition?.regional?.find((endpoint) => endpoint.region === region)?.definition;
}
