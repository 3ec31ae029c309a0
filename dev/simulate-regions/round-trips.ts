/**
 * Round-trip times between places, in milliseconds, rounded to 5. An assumption, not a measurement of Cloudflare: what
 * cloud providers and public looking-glass services typically report between the cities named, over the public Internet
 * or a provider's own net, at the median. Cloudflare's own paths may be a tenth better or worse; which of two homes is
 * nearer hardly ever hangs on that. Replace them with your own and run it again.
 */
export const PLACES = ["wnam", "enam", "sam", "weur", "me", "apac", "oc", "afr"] as const;
export type Place = (typeof PLACES)[number];

export const CITY: Readonly<Record<Place, string>> = {
  wnam: "Oregon",
  enam: "Virginia",
  sam: "São Paulo",
  weur: "Frankfurt",
  me: "Dubai",
  apac: "Singapore",
  oc: "Sydney",
  afr: "Johannesburg",
};

/** The upper half; the way back is as long, and a place is `SAME_PLACE_MS` from itself. */
const BETWEEN: Readonly<Record<string, number>> = {
  "wnam enam": 65,
  "wnam sam": 175,
  "wnam weur": 145,
  "wnam me": 220,
  "wnam apac": 165,
  "wnam oc": 140,
  "wnam afr": 280,
  "enam sam": 115,
  "enam weur": 90,
  "enam me": 190,
  "enam apac": 220,
  "enam oc": 200,
  "enam afr": 230,
  "sam weur": 205,
  "sam me": 300,
  "sam apac": 325,
  "sam oc": 310,
  "sam afr": 340,
  "weur me": 120,
  "weur apac": 160,
  "weur oc": 250,
  "weur afr": 155,
  "me apac": 85,
  "me oc": 180,
  "me afr": 170,
  "apac oc": 90,
  "apac afr": 230,
  "oc afr": 280,
};

const SAME_PLACE_MS = 2;

export function roundTripMs(one: Place, other: Place): number {
  if (one === other) return SAME_PLACE_MS;
  const known = BETWEEN[`${one} ${other}`] ?? BETWEEN[`${other} ${one}`];
  if (known === undefined) throw new Error(`no round-trip time between ${one} and ${other}`);
  return known;
}
