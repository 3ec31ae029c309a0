/**
 * Bounds on JSON, checked on the text before anything is allocated for it: depth, and the number of keys and
 * elements. Says nothing of validity, which `JSON.parse` judges. One pass, no recursion; strings are jumped over.
 */

import { endOfString } from "../core/json-text.ts";

const QUOTE = 0x22;
const COMMA = 0x2c;
const OPENING_BRACKET = 0x5b;
const CLOSING_BRACKET = 0x5d;
const OPENING_BRACE = 0x7b;
const CLOSING_BRACE = 0x7d;

interface JsonBounds {
  readonly maxDepth: number;
  readonly maxNodes: number;
}

export function exceededJsonBound(text: string, bounds: JsonBounds): "too_deep" | "too_many_nodes" | null {
  if (staysWithin(text, bounds)) return null;
  let depth = 0;
  let nodes = 0;
  for (let index = 0; index < text.length; index++) {
    switch (text.charCodeAt(index)) {
      case QUOTE:
        index = endOfString(text, index + 1);
        break;
      case OPENING_BRACKET:
      case OPENING_BRACE:
        // The bracket counts for the first key or element, each comma for one more.
        if (++depth > bounds.maxDepth) return "too_deep";
        if (++nodes > bounds.maxNodes) return "too_many_nodes";
        break;
      case CLOSING_BRACKET:
      case CLOSING_BRACE:
        depth--;
        break;
      case COMMA:
        if (++nodes > bounds.maxNodes) return "too_many_nodes";
        break;
      default:
        break;
    }
  }
  return null;
}

/** True for most bodies, by a search that the engine does natively: no more brackets than levels, no more characters than nodes. */
function staysWithin(text: string, { maxDepth, maxNodes }: JsonBounds): boolean {
  if (text.length > maxNodes) return false;
  let openings = 0;
  for (const bracket of ["{", "["]) {
    for (let at = text.indexOf(bracket); at !== -1; at = text.indexOf(bracket, at + 1)) {
      if (++openings > maxDepth) return false;
    }
  }
  return true;
}
