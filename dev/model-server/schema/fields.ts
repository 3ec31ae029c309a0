/** Facts the data states by name (`email: …`, JSON keys), found by a property's name. */
import { splitName } from "../text.ts";
import type { FieldValue } from "../prompt.ts";
import type { FillContext, Slot } from "./context.ts";

export function fieldFor(slot: Slot, context: FillContext): FieldValue | undefined {
  const { fieldsByName } = context.prompt;
  const words = splitName(slot.name);
  const parent = splitName(slot.parents[0] ?? "");
  const keys = [[...parent, ...words], words, words.slice(-2), words.slice(-1)].map((parts) =>
    parts.join("_"),
  );
  for (const key of keys) {
    const value = fieldsByName.get(key);
    if (value !== undefined) return value;
  }
  return undefined;
}
