/** The addresses a text would send a reader or a browser to, as hosts. Never follows or resolves one. */

export interface FoundUrls {
  /** In lower case, without port. */
  readonly hosts: readonly string[];
  /** There is an address that names no web host: `javascript:`, `data:`, one that cannot be parsed. */
  readonly hasOther: boolean;
}

const WEB = /(?:https?:)?[/\\]{2}[^\s<>"'`)\]}]+|\bwww\.[^\s<>"'`)\]}]+/gi;
const OTHER = /\b(?:javascript|data|vbscript|file|blob):[^\s]/i;

export function urlsInText(text: string): FoundUrls {
  const found = [...text.matchAll(WEB)].map(([url]) => hostOf(url));
  return {
    hosts: [...new Set(found.filter((host) => host !== null))],
    hasOther: found.includes(null) || OTHER.test(text),
  };
}

function hostOf(text: string): string | null {
  const slashes = text.replace(/\\/g, "/");
  const full = /^https?:/i.test(slashes) ? slashes : `https://${slashes.replace(/^\/+/, "")}`;
  const url = URL.parse(full);
  // `https://bank.example@evil.example` shows one name and goes to another.
  return url === null || url.username !== "" ? null : url.hostname.toLowerCase();
}
