/**
 * The event's payload from its body's text. Ingest turns forms into JSON; a form that reached an envelope as
 * it was is read by the same rules (the last value of a name counts; a lone `payload` field holds JSON).
 */
import type { EventEnvelope } from "../core/envelope.ts";
import { parseExactJson } from "../core/exact-json.ts";
import { err, ok, type Result } from "../core/result.ts";

const FORM = /^application\/x-www-form-urlencoded\s*(;|$)/i;
const PAYLOAD_FIELD = "payload";

export type PayloadProblem = "not_json";

/** `unknown` on purpose: the pipeline's schema says what it is. A number that a double cannot hold is the text of its digits. */
export function payloadOf(
  envelope: Pick<EventEnvelope, "headers">,
  text: string,
): Result<unknown, PayloadProblem> {
  const json = parseJson(text);
  if (json.ok || !FORM.test(envelope.headers["content-type"]?.trim() ?? "")) return json;
  const form = Object.fromEntries(new URLSearchParams(text));
  const wrapped = form[PAYLOAD_FIELD];
  return wrapped !== undefined && Object.keys(form).length === 1 ? parseJson(wrapped) : ok(form);
}

function parseJson(text: string): Result<unknown, PayloadProblem> {
  try {
    return ok(parseExactJson(text));
  } catch {
    // The parser's message quotes the payload.
    return err("not_json");
  }
}
