/** Of the object. */
import type { EquivalentMutant } from "./entry.ts";

export const OBJECT_EQUIVALENTS: readonly EquivalentMutant[] = [];
