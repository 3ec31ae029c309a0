/** What every part of the schema filler is handed, and what it hands back. */
import type { JsonObject, JsonValue } from "../../../src/core/json.ts";
import { findConcept, type Concept } from "../evidence.ts";
import type { Mention } from "../mentions.ts";
import type { Analysis } from "../nlp.ts";
import type { ReadPrompt } from "../prompt.ts";
import { splitName } from "../text.ts";

export interface FillContext {
  /** Fills any schema; handed down so that the parts need not know the whole. */
  readonly fill: (schema: JsonValue | undefined, slot: Slot, context: FillContext) => Filled;
  readonly root: JsonObject;
  readonly prompt: ReadPrompt;
  readonly analysis: Analysis;
  /** What the whole task is about, for properties that don't say (`score`, `reasons`). */
  readonly focus: Concept | null;
  /** Set while an item of a list of entities is filled. */
  readonly mention: Mention | null;
  readonly depth: number;
  /** How often each `$ref` is open on the way here: recursion has to end somewhere. */
  readonly openRefs: ReadonlyMap<string, number>;
  /** Values that may still be made, counted down over the whole answer. */
  readonly budget: { nodes: number };
  /** Collected: places where no valid value could be made. */
  readonly problems: string[];
}

export interface Slot {
  /** Of the property; empty at the root. */
  readonly name: string;
  readonly description: string;
  /** `$.items[0].type`, for problems. */
  readonly path: string;
  /** Of the enclosing properties, nearest first. */
  readonly parents: readonly string[];
}

export interface Filled {
  readonly value: JsonValue;
  /** False: the text does not say; the value only satisfies the schema. */
  readonly found: boolean;
}

export function found(value: JsonValue): Filled {
  return { value, found: true };
}

export function fallback(value: JsonValue): Filled {
  return { value, found: false };
}

export function nameWords(slot: Slot): readonly string[] {
  return splitName(slot.name);
}

export function hasWord(slot: Slot, words: string): boolean {
  const own = nameWords(slot);
  return words.split(" ").some((word) => own.includes(word));
}

/** What a property measures: by its own name, by those around it, by the task. */
export function conceptOf(slot: Slot, context: FillContext): Concept | null {
  const own = findConcept(nameWords(slot));
  if (own !== null) return own;
  for (const parent of slot.parents) {
    const around = findConcept(splitName(parent));
    if (around !== null) return around;
  }
  return context.focus;
}
