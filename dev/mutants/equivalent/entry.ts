/** A mutant that behaves like the original, and why. */
export interface EquivalentMutant {
  readonly id: string;
  readonly file: string;
  /** The original line, for people. */
  readonly line: string;
  readonly reason: string;
}

type Explanation = readonly [id: string, line: string, reason: string];

export function equivalentsIn(file: string, explanations: readonly Explanation[]): EquivalentMutant[] {
  return explanations.map(([id, line, reason]) => ({ id, file, line, reason }));
}
