/**
 * Mutants that no test can tell from the original, and why. An id is a digest of file, rule, original line and mutated
 * line, so an entry stands as long as its line does, wherever the line moves.
 */
import { CACHE_EQUIVALENTS } from "./equivalent/cache.ts";
import { CORE_EQUIVALENTS } from "./equivalent/core.ts";
import type { EquivalentMutant } from "./equivalent/entry.ts";
import { GUARD_EQUIVALENTS } from "./equivalent/guard.ts";
import { LANE_EQUIVALENTS } from "./equivalent/lanes.ts";
import { MODEL_EQUIVALENTS } from "./equivalent/models.ts";
import { OBJECT_EQUIVALENTS } from "./equivalent/object.ts";
import { PIPELINE_EQUIVALENTS } from "./equivalent/pipeline.ts";
import type { Mutant } from "./mutant.ts";

const EQUIVALENT_MUTANTS: readonly EquivalentMutant[] = [
  ...CACHE_EQUIVALENTS,
  ...CORE_EQUIVALENTS,
  ...GUARD_EQUIVALENTS,
  ...LANE_EQUIVALENTS,
  ...MODEL_EQUIVALENTS,
  ...OBJECT_EQUIVALENTS,
  ...PIPELINE_EQUIVALENTS,
];

const reasonsById = new Map(EQUIVALENT_MUTANTS.map(({ id, reason }) => [id, reason]));

export function reasonFor({ id, promise }: Mutant): string | null {
  return promise === null ? (reasonsById.get(id) ?? null) : null;
}

/** Explanations of mutants that are no longer made: their line has changed. */
export function staleExplanations(mutants: readonly Mutant[]): EquivalentMutant[] {
  const files = new Set(mutants.map(({ file }) => file));
  const ids = new Set(mutants.map(({ id }) => id));
  return EQUIVALENT_MUTANTS.filter(({ id, file }) => files.has(file) && !ids.has(id));
}
