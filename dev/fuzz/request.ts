/** Requests as bytes on their way: nothing is normalised, names may come twice, and a body need not be text. */
import type { Bytes } from "../senders/webcrypto.ts";

export interface FuzzRequest {
  readonly method: string;
  /** Path and query, as they are written into the request line. */
  readonly path: string;
  /** Values hold one byte per character, as HTTP has them. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Bytes;
  /** More is announced, and the sender goes away. */
  readonly isCutShort?: boolean;
}

/** All values of one name as the platform joins them, or null. */
export function headerOf(request: FuzzRequest, name: string): string | null {
  const values = request.headers.filter(([own]) => own.toLowerCase() === name).map(([, value]) => value);
  return values.length === 0 ? null : values.join(", ");
}

/** Put in place of every one of that name; null removes them. */
export function withHeader(request: FuzzRequest, name: string, value: string | null): FuzzRequest {
  const others = request.headers.filter(([own]) => own.toLowerCase() !== name);
  return { ...request, headers: value === null ? others : [...others, [name, value]] };
}

export function withExtraHeader(request: FuzzRequest, name: string, value: string): FuzzRequest {
  return { ...request, headers: [...request.headers, [name, value]] };
}

/** UTF-8 as header bytes, one character each. */
export function headerBytes(text: string): string {
  return Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join("");
}

/** For people: what was sent, so that it can be sent again. */
export function describeRequest({ method, path, headers, body }: FuzzRequest): string {
  const shown = body.length > MAX_SHOWN_BYTES ? body.subarray(0, MAX_SHOWN_BYTES) : body;
  const text = Array.from(shown, (byte) =>
    byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, "0")}`,
  ).join("");
  const lines = headers.map(([name, value]) => `${name}: ${value.slice(0, MAX_SHOWN_BYTES)}`);
  return [`${method} ${path.slice(0, MAX_SHOWN_BYTES)}`, ...lines, "", `${text} (${body.length} bytes)`].join(
    "\n",
  );
}

const MAX_SHOWN_BYTES = 1_000;
