/**
 * The beginning of what another side answered, kept so that a person can see why it refused. Pure. What looks like a
 * credential is replaced by its kind, because some answers repeat the request's headers.
 */
import { stripInvisible } from "./prompt-safety.ts";
import { replaceSecrets } from "./secret-patterns.ts";

/** Enough for a sentence or a small JSON error; it is stored with the event. */
export const MAX_EXCERPT_CHARACTERS = 1_024;
const REPLACEMENT = "\ufffd";

/**
 * @param text the answer's text, or its beginning
 * @returns at most `MAX_EXCERPT_CHARACTERS` of it; undefined for an answer that says nothing
 */
export function excerptOf(text: string): string | undefined {
  // Bytes that are no text say nothing to a person.
  if (text.includes(REPLACEMENT) || text.includes("\0"))
    return `(${text.length} characters that are no text)`;
  const shown = replaceSecrets(stripInvisible(text).trim()).slice(0, MAX_EXCERPT_CHARACTERS);
  return shown === "" ? undefined : shown;
}
