/** How senders spell the URL that they sign. Text in, text out: nothing is resolved or fetched. */

const AUTHORITY = /^(https?:\/\/)([^/?#]*)/i;
const PORT = /:\d+$/;

/** The URL as the sender was given it, with the query of this request. */
export function publicUrlOf(publicUrl: string | undefined, url: string): string {
  if (publicUrl === undefined) return url;
  const query = url.indexOf("?");
  return publicUrl + (query === -1 ? "" : url.slice(query));
}

/** Characters that the platform, as the URL standard says, escapes in a query before anybody sees it. */
const ESCAPED_IN_QUERY: Readonly<Record<string, string>> = {
  "%20": " ",
  "%22": '"',
  "%27": "'",
  "%3C": "<",
  "%3E": ">",
};
/** As many pairs as Node's querystring reads. */
const MAX_REQUERIED_PAIRS = 1_000;

/**
 * The texts that Twilio may have signed for a URL, as its own package (`validateRequest`) tries them: with and without
 * a port; as configured, with an apostrophe in the query say, or as the standard escapes it; and with the query
 * written again by Node's older `querystring`, which some of Twilio's back ends sign (`%40` for `@`).
 */
export function twilioUrls(url: string): readonly string[] {
  const normalized = URL.canParse(url) ? new URL(url).href : url;
  const spellings = new Set([url, unescapedQuery(url), normalized, requeried(normalized)]);
  return [...new Set([...spellings].flatMap(withAndWithoutPort))];
}

function withAndWithoutPort(url: string): readonly string[] {
  const match = AUTHORITY.exec(url);
  const [whole = "", scheme = "", authority = ""] = match ?? [];
  if (match === null) return [url];
  const rest = url.slice(whole.length);
  const host = authority.replace(PORT, "");
  const port = PORT.exec(authority)?.[0] ?? (scheme.toLowerCase() === "https://" ? ":443" : ":80");
  return [scheme + host + rest, scheme + host + port + rest];
}

function unescapedQuery(url: string): string {
  return mapQuery(url, (query) =>
    query.replace(/%(?:2[027]|3[CE])/gi, (code) => ESCAPED_IN_QUERY[code.toUpperCase()] ?? code),
  );
}

/** A name's values come together, where its first one stood; names that are whole numbers come first. */
function requeried(url: string): string {
  return mapQuery(url, (query) => {
    const valuesByName = new Map<string, string[]>();
    // Behind a "&", so that a "?" that begins the query stays part of its first name.
    for (const [name, value] of [...new URLSearchParams(`&${query}`)].slice(0, MAX_REQUERIED_PAIRS)) {
      const values = valuesByName.get(name);
      if (values === undefined) valuesByName.set(name, [value]);
      else values.push(value);
    }
    return Object.entries(Object.fromEntries(valuesByName))
      .flatMap(([name, values]) => values.map((value) => [name, value].map(encodeURIComponent).join("=")))
      .join("&");
  });
}

function mapQuery(url: string, change: (query: string) => string): string {
  const at = url.indexOf("?");
  return at === -1 || at === url.length - 1 ? url : `${url.slice(0, at)}?${change(url.slice(at + 1))}`;
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
