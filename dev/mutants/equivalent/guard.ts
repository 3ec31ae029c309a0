/** Of the guard, its shards and its client's permits. */
import { equivalentsIn, type EquivalentMutant } from "./entry.ts";

const PAST = "any time in the past says now";
const NO_BLOCK = "without `ahead` there is no block that the number could count for";

export const GUARD_EQUIVALENTS: readonly EquivalentMutant[] = [
  ...equivalentsIn("src/core/budget.ts", [
    [
      "88737a8f",
      "state?.today.dayStartMs ?? 0",
      "the first millisecond of 1970 is before every day there is",
    ],
  ]),
  ...equivalentsIn("src/core/guard/adapt.ts", [
    ["b49fa13c", "capsOf(Math.max(1, …))", "every share is at least one again, whatever it is a share of"],
  ]),
  ...equivalentsIn("src/core/guard/machine.ts", [
    ["6791c4d4", "(report.usedTokens ?? 0) - permit.tokens", "null counts as 0 in a subtraction"],
    ["a63749c3", "const tokens = request.ahead?.tokens ?? 0;", NO_BLOCK],
    ["1bf69036", "const tokens = request.ahead?.tokens ?? 0;", NO_BLOCK],
    ["85c1a76d", "return tokens > 0 ? …", "no difference has been answered for three lines above"],
  ]),
  ...equivalentsIn("src/core/guard/rate.ts", [
    ["1aa36961", "export const NO_COST", "its tokens are replaced wherever it is used"],
    ["b66d0bfb", "let atMs = 0;", PAST],
    ["6dcce57e", "return 0;", PAST],
    [
      "557adcf5",
      "leavesAtMs(bucket, settings) > nowMs",
      "one that leaves now is counted by nobody, kept or not",
    ],
    ["5edc4d9a", "Math.max(pacedMs, 0) - givenMs(at)", "a pace is 0 or a time of this century"],
    [
      "5b7a505b",
      "leavesAtMs(bucket, settings) > nowMs",
      "one that leaves now is given back in the first step of the loop",
    ],
  ]),
  ...equivalentsIn("src/guard/held-permits.ts", [
    ["9acbb18f", "this.#schedule?.(…) ?? null", "without a timer to set there is none to cancel"],
  ]),
  ...equivalentsIn("src/guard/shards.ts", [
    ["553b9211", "remaining < 0 ? …", "a part of nothing is nothing"],
    ["d8eeed3f", "remaining < 0 ? …", "what is left is a whole number, and a part of nothing is nothing"],
    ["7156f0ad", "requestsPerMinute = 0", "whoever wants no shard has one all the same"],
  ]),
  ...equivalentsIn("src/guard/permit-pool.ts", [
    ["e64bbf4f", "if (expired.length > 0)", "where nothing has expired nothing is filtered out"],
    ["f1a7110b", "if (permits.length === 0) return;", "giving back none adds none"],
    ["6923dbc5-2", "expire(request.guard, terms);", "whoever looks for permits lets time pass first"],
  ]),
];
