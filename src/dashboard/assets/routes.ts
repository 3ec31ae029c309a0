/** The style sheet, the script and the icon, under addresses that change with them: a browser keeps them for good. */
import { Hono } from "hono";
import { ICON } from "./icon.ts";
import { SCRIPT } from "./script.ts";
import { STYLE } from "./style.ts";

const KEPT = "public, max-age=31536000, immutable";

export const STYLE_PATH = `/dashboard/assets/style-${fingerprint(STYLE)}.css`;
export const SCRIPT_PATH = `/dashboard/assets/script-${fingerprint(SCRIPT)}.js`;
export const ICON_PATH = `/dashboard/assets/icon-${fingerprint(ICON)}.svg`;

/** To be mounted at `/dashboard/assets`. Open to everybody: they say nothing. */
export function createAssetRoutes(): Hono {
  const assets = new Hono();
  const serve = (path: string, body: string, contentType: string) =>
    assets.get(path.slice("/dashboard/assets".length), (context) =>
      context.body(body, 200, { "content-type": contentType, "cache-control": KEPT }),
    );
  serve(STYLE_PATH, STYLE, "text/css; charset=utf-8");
  serve(SCRIPT_PATH, SCRIPT, "text/javascript; charset=utf-8");
  serve(ICON_PATH, ICON, "image/svg+xml");
  return assets;
}

/** FNV-1a: tells versions apart, protects nothing. */
function fingerprint(text: string): string {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return (hash >>> 0).toString(36);
}
