/**
 * Regions as Cloudflare names continents, and which are near each other: by the sea cables that traffic takes, roughly, and
 * not by the globe. Pure.
 */
export const REGIONS = ["AF", "AS", "EU", "NA", "OC", "SA"] as const;
export type Region = (typeof REGIONS)[number];

const NEAREST: Readonly<Record<Region, readonly Region[]>> = {
  AF: ["AF", "EU", "AS", "NA", "SA", "OC"],
  AS: ["AS", "OC", "EU", "NA", "AF", "SA"],
  EU: ["EU", "AF", "NA", "AS", "SA", "OC"],
  NA: ["NA", "SA", "EU", "AS", "OC", "AF"],
  OC: ["OC", "AS", "NA", "EU", "SA", "AF"],
  SA: ["SA", "NA", "EU", "AF", "AS", "OC"],
};

export function isRegion(value: string): value is Region {
  return REGIONS.some((region) => region === value);
}

/** The nearest first. From a place that is no region, and among equals, the order they are listed in. */
export function nearestFirst<Placed extends { readonly region: Region }>(
  placed: readonly Placed[],
  from: string,
): readonly Placed[] {
  if (!isRegion(from)) return placed;
  const order = NEAREST[from];
  return placed.toSorted((one, other) => order.indexOf(one.region) - order.indexOf(other.region));
}
