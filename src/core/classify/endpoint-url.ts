/**
 * Whether a configured URL may be called. What goes there is a customer's data and often a secret, so it
 * goes over TLS, except to this machine. Never resolves a name.
 */
import { err, ok, type Result } from "../result.ts";

const LOOPBACK = /^(localhost|(.+\.)?localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])$/;

export function isLoopback(url: URL): boolean {
  return LOOPBACK.test(url.hostname);
}

/** @returns the URL, or why it is refused: a text for operators that does not quote the URL, which may hold a token */
export function checkEndpointUrl(
  text: string,
  options: { readonly allowPlainHttp?: boolean } = {},
): Result<URL, string> {
  const url = URL.parse(text);
  if (url === null) return err("is not a URL");
  if (url.username !== "" || url.password !== "") return err("holds a user name or password");
  if (url.protocol === "https:") return ok(url);
  if (url.protocol !== "http:") return err("is neither https nor http");
  if (options.allowPlainHttp === true || isLoopback(url)) return ok(url);
  return err("is plain http to another machine; use https");
}
