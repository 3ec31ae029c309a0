/** Small helpers over strings that know nothing of language. */

export function escapePattern(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

/** `leadScore`, `lead_score` and `Lead score` are the same words. */
export function splitName(name: string): readonly string[] {
  return name
    .replace(/([\p{Ll}\d])(\p{Lu})/gu, "$1 $2")
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== "");
}

/** At most this many UTF-16 units, ended between words where there is one to end at. Never splits a code point. */
export function cutText(text: string, maxLength: number): string {
  if (text.length <= maxLength) return text;
  const hard = text.slice(0, maxLength).replace(/[\uD800-\uDBFF]$/, "");
  const atWord = hard.replace(/\s+\S*$/, "");
  return atWord.length >= maxLength / 2 ? atWord : hard;
}

/** Characters as JSON Schema counts them: code points, not UTF-16 units. */
export function codePointsOf(text: string): readonly string[] {
  return Array.from(text);
}

export function roundTo(value: number, digits: number): number {
  const factor = 10 ** digits;
  return Math.round(value * factor) / factor;
}

export function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value));
}
