/**
 * JSON as text. V8 keeps a string in one byte a character as long as all of it is Latin-1; a single letter beyond doubles it.
 * Pure, and exact: what `JSON.parse` makes of the text is the same.
 */

const QUOTE = '"';
const BACKSLASH = 0x5c;

/** Smaller bodies are decoded in one step: twice a little is little. */
const PIECE_BYTES = 65_536;
const MAX_LETTER_BYTES = 4;
/** `\u0416` takes six characters: four for each letter are bought with one for each other character. */
const MAX_WIDE_SHARE = 1 / 5;
const WIDE_LETTERS = /(\\*)([\u0100-\uffff]+)/g;

/**
 * Letters beyond Latin-1 become escapes where they are few, so that the text takes one byte a character.
 * @throws TypeError when the bytes are no UTF-8
 */
export function decodeJsonText(bytes: Uint8Array): string {
  if (bytes.length <= PIECE_BYTES || !hasFewWideLetters(bytes)) return decode(bytes);
  const pieces: string[] = [];
  let backslashes = "";
  for (let at = 0; at < bytes.length;) {
    const end = endOfLetter(bytes, at + PIECE_BYTES);
    const piece = backslashes + decode(bytes.subarray(at, end), at > 0);
    const cut = end < bytes.length ? withoutBackslashesAtEnd(piece) : piece.length;
    const part = piece.slice(0, cut);
    const escaped = part.replace(WIDE_LETTERS, escapeLetters);
    // What comes of a wide string is wide, whatever its letters.
    pieces.push(escaped === part ? part : decode(encoder.encode(escaped), true));
    backslashes = piece.slice(cut);
    at = end;
  }
  return pieces.join("");
}

const encoder = new TextEncoder();
const first = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });
const further = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Whole letters: the runtime's decoder makes wide strings of what is handed to it as a stream. */
function decode(bytes: Uint8Array, isFurther = false): string {
  return (isFurther ? further : first).decode(bytes);
}

/** Nowhere in the middle of one. Bytes that are no UTF-8 may be cut anywhere. */
function endOfLetter(bytes: Uint8Array, at: number): number {
  let end = Math.min(at, bytes.length);
  while (end > at - MAX_LETTER_BYTES && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  return end;
}

/** Some, or it is one byte a character anyway; and so few that escapes are the shorter text. */
function hasFewWideLetters(bytes: Uint8Array): boolean {
  let characters = 0;
  let wide = 0;
  for (const byte of bytes) {
    if (byte < 0x80 || byte >= 0xc0) characters++;
    // The first byte of a letter beyond Latin-1. From the second plane on it is two characters.
    if (byte >= 0xc4) wide += byte >= 0xf0 ? 2 : 1;
  }
  return wide > 0 && wide < characters * MAX_WIDE_SHARE;
}

/** A letter behind an odd backslash is no JSON, and must not become some. */
function escapeLetters(matched: string, backslashes: string, letters: string): string {
  if (backslashes.length % 2 === 1) return matched;
  let escaped = backslashes;
  for (let at = 0; at < letters.length; at++) {
    escaped += `\\u${letters.charCodeAt(at).toString(16).padStart(4, "0")}`;
  }
  return escaped;
}

function withoutBackslashesAtEnd(text: string): number {
  let end = text.length;
  while (end > 0 && text.charCodeAt(end - 1) === BACKSLASH) end--;
  return end;
}

/** @param start behind the opening quote. @returns the position of the closing quote, or the text's end */
export function endOfString(text: string, start: number): number {
  let quote = text.indexOf(QUOTE, start);
  while (quote !== -1) {
    let firstBackslash = quote;
    while (firstBackslash > start && text.charCodeAt(firstBackslash - 1) === BACKSLASH) firstBackslash--;
    // An even run of backslashes escapes itself; an odd one escapes the quote.
    if ((quote - firstBackslash) % 2 === 0) return quote;
    quote = text.indexOf(QUOTE, quote + 1);
  }
  return text.length;
}

/**
 * V8 keeps the text of the last successful match, for `RegExp.lastMatch`, until there is another: a large body would stay in memory
 * with everything that is known of it gone. Called after a match in one.
 */
export function forgetLastMatch(): void {
  /x/.test("x");
}
