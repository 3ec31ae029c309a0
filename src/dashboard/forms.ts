/** What forms send, as the API takes it. */
import { LIMITS } from "../config/limits.ts";
import { err, ok, type Result } from "../core/result.ts";
import { readBody } from "../platform/read-body.ts";

export async function readForm(request: Request): Promise<URLSearchParams | null> {
  const read = await readBody(request, LIMITS.dashboard.maxFormBytes);
  return read.ok ? new URLSearchParams(new TextDecoder().decode(read.value)) : null;
}

export function textIn(form: URLSearchParams, name: string): string {
  return (form.get(name) ?? "").trim();
}

/** NaN where it is no whole number: the API's own check then says so. */
export function integerIn(form: URLSearchParams, name: string): number {
  const text = textIn(form, name);
  return /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
}

export function optional<Name extends string>(name: Name, text: string): Partial<Record<Name, string>> {
  const none: Partial<Record<Name, string>> = {};
  return text === "" ? none : { ...none, [name]: text };
}

export function fromStageIn(form: URLSearchParams): "parse" | "deliver" {
  return textIn(form, "from") === "deliver" ? "deliver" : "parse";
}

/** @returns what is wrong with the text, in the words of the parser */
export function jsonIn(
  form: URLSearchParams,
): Result<unknown, { readonly text: string; readonly message: string }> {
  const text = (form.get("json") ?? "").replaceAll("\r\n", "\n").trim();
  try {
    const value: unknown = JSON.parse(text);
    return ok(value);
  } catch (thrown) {
    const message = thrown instanceof SyntaxError ? thrown.message : "unreadable";
    return err({ text, message: `This is not JSON: ${message}` });
  }
}
