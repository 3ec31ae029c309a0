/** Of the pipeline. */
import type { EquivalentMutant } from "./entry.ts";

export const PIPELINE_EQUIVALENTS: readonly EquivalentMutant[] = [];
