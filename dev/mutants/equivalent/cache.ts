/** Of the result cache. */
import { equivalentsIn, type EquivalentMutant } from "./entry.ts";

export const CACHE_EQUIVALENTS: readonly EquivalentMutant[] = [
  ...equivalentsIn("src/cache/results.ts", [
    [
      "e191ad21",
      "flight.land(null, false);",
      "only the first landing counts, and there is no answer to keep",
    ],
  ]),
  ...equivalentsIn("src/cache/within.ts", [
    [
      "1689055e",
      "signal?.addEventListener(…, { once: true })",
      "the listener is taken away when the wait ends",
    ],
  ]),
];
