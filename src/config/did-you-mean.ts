/** Finds the word that was meant. Pure. */

/** More letters than this are another word. */
const MAX_DISTANCE = 2;

/** @returns `. Did you mean "partitionBy"?`, or nothing where no known word is near */
export function didYouMean(word: string, known: readonly string[]): string {
  const near = known
    .map((name) => ({ name, distance: distanceOf(word.toLowerCase(), name.toLowerCase()) }))
    .filter(({ name, distance }) => distance <= Math.min(MAX_DISTANCE, Math.floor(name.length / 2)))
    .sort((left, right) => left.distance - right.distance)[0];
  return near === undefined ? "" : `. Did you mean "${near.name}"?`;
}

/** Levenshtein's: letters put in, taken out or changed. */
function distanceOf(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, at) => at);
  for (const [index, letter] of Array.from(left).entries()) {
    const next = [index + 1];
    for (const [at, other] of Array.from(right).entries()) {
      const changed = (row[at] ?? 0) + Number(letter !== other);
      next.push(Math.min(changed, (row[at + 1] ?? 0) + 1, (next[at] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
