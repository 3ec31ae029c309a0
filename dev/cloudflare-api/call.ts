/** The parts that every route of the stand-in is made of. */
import type { IncomingHttpHeaders } from "node:http";
import type { Account } from "./account.ts";

export interface Call {
  readonly account: Account;
  readonly query: URLSearchParams;
  /** Parts of the path, decoded, in their order. */
  readonly params: readonly string[];
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Buffer;
}

export interface Answer {
  readonly result: unknown;
  readonly result_info?: unknown;
  /** GraphQL answers outside `result`. */
  readonly data?: unknown;
}

export interface Route {
  readonly method: string;
  readonly path: RegExp;
  handle(call: Call): Answer | Promise<Answer>;
}

/** A refusal as Cloudflare words it: an HTTP status, a code of its own, a sentence. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: number;

  constructor(status: number, code: number, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** `/accounts/:account/queues/{id}`: a word in braces is one part of the path. */
export function route(method: string, path: string, handle: Route["handle"]): Route {
  const pattern = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => `(?<${name}>[^/]+)`);
  return { method, path: new RegExp(`^${pattern}$`), handle };
}

export function jsonOf(call: Call): Record<string, unknown> {
  const value: unknown = JSON.parse(call.bytes.toString("utf8") || "{}");
  if (typeof value !== "object" || value === null)
    throw new ApiError(400, 10_001, "the body is no JSON object");
  return value as Record<string, unknown>; // an object just now
}

export async function formOf(call: Call): Promise<FormData> {
  const body = new Uint8Array(call.bytes);
  return new Response(body, { headers: { "content-type": call.headers["content-type"] ?? "" } }).formData();
}

export function paged(list: readonly unknown[]): Answer {
  const count = list.length;
  return { result: list, result_info: { page: 1, per_page: 100, count, total_count: count, total_pages: 1 } };
}
