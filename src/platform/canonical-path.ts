/**
 * One address, one spelling: what a proxy's or a firewall's rules before the Worker say of a path holds here too, because
 * no other spelling of it is answered.
 */

/** An encoded slash, backslash or dot is read as the character itself by some, and not by others. */
const AMBIGUOUS = /\\|\/\/|%(?:2f|5c|2e|00)/i;

/**
 * @param address as it was received
 * @returns its path; null when it is spelled otherwise than URLs are: with backslashes, empty or dot segments, encoded
 *   slashes or dots, or with a slash at its end
 */
export function canonicalPath(address: string): string | null {
  const path = /^[a-z]+:\/\/[^/\\?#]*([^?#]*)/i.exec(address)?.[1];
  if (path === undefined || AMBIGUOUS.test(path)) return null;
  const { pathname } = new URL(address);
  // A dashboard's address is typed by people, and sent on to its own spelling there.
  if (path === "/dashboard/") return path;
  return pathname === path && (path === "/" || !path.endsWith("/")) ? path : null;
}
