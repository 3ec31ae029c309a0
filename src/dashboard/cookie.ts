/** The session's cookie: never readable by scripts, never sent from another site, over TLS alone where there is TLS. */
import type { Context } from "hono";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";

const NAME = "sluice_session";

const isSecure = (context: Context) => new URL(context.req.url).protocol === "https:";
/** The prefix makes browsers refuse a cookie of this name that a neighbouring host sets. */
const nameFor = (context: Context) => (isSecure(context) ? `__Host-${NAME}` : NAME);

export function readSessionCookie(context: Context): string | undefined {
  return getCookie(context, nameFor(context));
}

export function writeSessionCookie(context: Context, value: string, maxAgeSeconds: number): void {
  setCookie(context, nameFor(context), value, {
    httpOnly: true,
    sameSite: "Strict",
    secure: isSecure(context),
    path: "/",
    maxAge: maxAgeSeconds,
  });
}

export function dropSessionCookie(context: Context): void {
  deleteCookie(context, nameFor(context), { path: "/", secure: isSecure(context) });
}
