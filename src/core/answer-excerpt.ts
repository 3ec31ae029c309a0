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
 * How much of an answer to read for its excerpt. More than is kept, so that a credential that lies across the end of
 * what is kept is seen whole and is replaced.
 */
export const EXCERPT_READ_CHARACTERS = 2 * MAX_EXCERPT_CHARACTERS;
/** A shorter value would take ordinary words out of the answer. */
const MIN_SECRET_CHARACTERS = 6;

/**
 * @param text the answer's text, or at least its first `EXCERPT_READ_CHARACTERS`
 * @param secrets what was sent along or is configured for this side: keys, tokens, signing secrets
 * @returns at most `MAX_EXCERPT_CHARACTERS` of it; undefined for an answer that says nothing
 * @example excerptOf('{"error":"wrong key k-123456"}', ["k-123456"]) // {"error":"wrong key [secret]"}
 */
export function excerptOf(text: string, secrets: readonly string[]): string | undefined {
  // Bytes that are no text say nothing to a person.
  if (text.includes(REPLACEMENT) || text.includes("\0"))
    return `(${text.length} characters that are no text)`;
  const visible = stripInvisible(text.slice(0, EXCERPT_READ_CHARACTERS)).trim();
  const shown = replaceSecrets(replaceValues(visible, secrets)).slice(0, MAX_EXCERPT_CHARACTERS);
  return shown === "" ? undefined : shown;
}

/** Takes each value out of the text, in the forms in which another side may repeat it. */
export function replaceValues(text: string, secrets: readonly string[]): string {
  // A binding may hold several values, separated by spaces, while one is rotated.
  const values = secrets.flatMap((secret) => secret.split(/\s+/));
  const forms = values.flatMap((value) => {
    const bare = value.replace(/^(?:v1,)?whsec_/, "");
    return [value, bare, encodeURIComponent(value), JSON.stringify(value).slice(1, -1)];
  });
  return forms
    .filter((form) => form.length >= MIN_SECRET_CHARACTERS)
    .toSorted((a, b) => b.length - a.length)
    .reduce((shown, form) => shown.replaceAll(form, "[secret]"), text);
}
