/** Where a request came in: a continent as Cloudflare names it; `unknown` where the platform does not say. */
export function continentOf(request: Request): string {
  const continent: unknown = request.cf?.["continent"];
  return typeof continent === "string" ? continent : "unknown";
}
