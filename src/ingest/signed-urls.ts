/** How senders spell the URL that they sign. Text in, text out: nothing is resolved or fetched. */

const AUTHORITY = /^(https?:\/\/)([^/?#]*)/i;
const PORT = /:\d+$/;

/** The URL as the sender was given it, with the query of this request. */
export function publicUrlOf(publicUrl: string | undefined, url: string): string {
  if (publicUrl === undefined) return url;
  const query = url.indexOf("?");
  return publicUrl + (query === -1 ? "" : url.slice(query));
}

/** Twilio signs some URLs with and some without the default port. */
export function urlsWithAnyPort(url: string): readonly string[] {
  const match = AUTHORITY.exec(url);
  const [whole = "", scheme = "", authority = ""] = match ?? [];
  if (match === null) return [url];
  const rest = url.slice(whole.length);
  const host = authority.replace(PORT, "");
  const port = PORT.exec(authority)?.[0] ?? (scheme.toLowerCase() === "https://" ? ":443" : ":80");
  return [scheme + host + rest, scheme + host + port + rest];
}

const HUBSPOT_DECODED: Readonly<Record<string, string>> = {
  "%3A": ":",
  "%2F": "/",
  "%3F": "?",
  "%40": "@",
  "%21": "!",
  "%24": "$",
  "%27": "'",
  "%28": "(",
  "%29": ")",
  "%2A": "*",
  "%2C": ",",
  "%3B": ";",
};

/** HubSpot undoes these encodings, and no others, before it signs a URI. */
export function hubspotUrl(url: string): string {
  return url.replace(/%[0-9A-Fa-f]{2}/g, (code) => HUBSPOT_DECODED[code.toUpperCase()] ?? code);
}
