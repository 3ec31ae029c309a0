/** What every answer of the dashboard carries, and how a request that another site made up is told from one of its own. */
import type { Context, MiddlewareHandler } from "hono";

/** Nothing inline, nothing from elsewhere, no frame around it. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join("; ");

export const securityHeaders: MiddlewareHandler = async (context, next) => {
  await next();
  const { headers } = context.res;
  headers.set("content-security-policy", POLICY);
  headers.set("x-content-type-options", "nosniff");
  headers.set("x-frame-options", "DENY");
  headers.set("cross-origin-opener-policy", "same-origin");
  headers.set("cross-origin-resource-policy", "same-origin");
  // Not `no-referrer`: browsers would then send forms with the origin "null".
  headers.set("referrer-policy", "same-origin");
  if (!headers.has("cache-control")) headers.set("cache-control", "no-store");
};

/** A POST of another site's page: browsers say where it comes from. What says nothing is not trusted. */
export function isFromHere(context: Context): boolean {
  const site = context.req.header("sec-fetch-site");
  if (site !== undefined) return site === "same-origin";
  return context.req.header("origin") === new URL(context.req.url).origin;
}

export function isFromElsewhere(context: Context): boolean {
  return context.req.header("sec-fetch-site") === "cross-site";
}

export function hasFormKey(form: URLSearchParams, formKey: string): boolean {
  return isSameText(form.get("formKey") ?? "", formKey);
}

/** Takes as long wherever they differ. */
function isSameText(left: string, right: string): boolean {
  let difference = left.length ^ right.length;
  for (let at = 0; at < left.length; at++) difference |= left.charCodeAt(at) ^ right.charCodeAt(at);
  return difference === 0;
}
