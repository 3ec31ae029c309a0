/**
 * Where a partition should live. A hint only: the platform places an object near it when it is first reached, and leaves
 * it there. What the law says is the jurisdiction's matter, and part of the partition's name. Pure.
 */
import type { Jurisdiction } from "./ids.ts";

/** Cloudflare's names: https://developers.cloudflare.com/durable-objects/reference/data-location/ */
export const LOCATION_HINTS = ["wnam", "enam", "sam", "weur", "eeur", "apac", "oc", "afr", "me"] as const;
export type LocationHint = (typeof LOCATION_HINTS)[number];

export function isLocationHint(value: string): value is LocationHint {
  return LOCATION_HINTS.some((hint) => hint === value);
}

/** What the platform says of a request: the sender's place, which the location that took it is near. */
export interface SenderPlace {
  readonly continent: string;
  /** Degrees east; null where it is not known. */
  readonly longitude: number | null;
}

/** null: nothing is known, and the platform takes the caller's own location. */
export function nearestHint({ continent, longitude }: SenderPlace): LocationHint | null {
  switch (continent) {
    case "NA":
      return longitude !== null && longitude < MID_NORTH_AMERICA ? "wnam" : "enam";
    case "SA":
      return "sam";
    case "EU":
      return longitude !== null && longitude > MID_EUROPE ? "eeur" : "weur";
    case "AS":
      return longitude !== null && longitude < MIDDLE_EAST_ENDS ? "me" : "apac";
    case "OC":
      return "oc";
    case "AF":
      return "afr";
    default:
      return null;
  }
}

/** Meridians: by the sea of wires roughly as good as any border. */
const MID_NORTH_AMERICA = -100;
const MID_EUROPE = 16;
const MIDDLE_EAST_ENDS = 60;

const HINTS_WITHIN: Readonly<Record<Exclude<Jurisdiction, "none">, readonly LocationHint[]>> = {
  eu: ["weur", "eeur"],
  us: ["wnam", "enam"],
  fedramp: ["wnam", "enam"],
};

/** A jurisdiction is never left for a hint: one outside of it is dropped. */
export function hintWithin(jurisdiction: Jurisdiction, hint: LocationHint | null): LocationHint | null {
  if (hint === null || jurisdiction === "none") return hint;
  return HINTS_WITHIN[jurisdiction].includes(hint) ? hint : null;
}
