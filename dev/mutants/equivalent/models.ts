/** Of models: what they are called with, and what their errors are taken for. */
import { equivalentsIn, type EquivalentMutant } from "./entry.ts";

export const MODEL_EQUIVALENTS: readonly EquivalentMutant[] = [
  ...equivalentsIn("src/models/deadlines.ts", [
    [
      "76de3f10",
      "caller.addEventListener(…, { once: true })",
      "the first abort closes it, which takes the listener away",
    ],
  ]),
  ...equivalentsIn("src/models/upstream-reader.ts", [
    ["b540c80f", "const { done = true, value } = …", "where nothing was read there is no value either"],
    ["f71b8e26", "done || value === undefined", "what is done has no value, and no part is undefined"],
  ]),
];
