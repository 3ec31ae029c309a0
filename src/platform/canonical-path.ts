/**
 * One address, one spelling: what a proxy's or a firewall's rules before the Worker say of a path holds here too, because
 * no other spelling of it is answered.
 */

/** A backslash or an empty segment is read as a slash by some, and not by others. */
const AMBIGUOUS = /\\|\/\//;
/**
 * So is an encoded slash, backslash or dot. Only a value may have one (an event type such as `orders/create` is a segment of
 * `/v1/schemas/…`), never what says which part of the gateway is meant, and nothing at the front door.
 */
const AMBIGUOUS_PART = /^\/(?:in(?:\/|$).*|[^/]*)%(?:2f|5c|2e|00)/i;

/**
 * @param address as it was received
 * @returns its path; null when it is spelled otherwise than URLs are: with backslashes, empty or dot segments, encoded
 *   slashes or dots outside a value, or with a slash at its end
 */
export function canonicalPath(address: string): string | null {
  const path = /^[a-z]+:\/\/[^/\\?#]*([^?#]*)/i.exec(address)?.[1];
  if (path === undefined || AMBIGUOUS.test(path) || AMBIGUOUS_PART.test(path)) return null;
  const { pathname } = new URL(address);
  // A dashboard's address is typed by people, and sent on to its own spelling there.
  if (path === "/dashboard/") return path;
  return pathname === path && (path === "/" || !path.endsWith("/")) ? path : null;
}
