/**
 * Public keys that senders publish, by their ids. Where they are fetched from is the scheme's word, never a request's;
 * a request names one of them, and cannot make more fetches than the limits allow. Values are kept for the isolate's
 * life, never promises: a request that ends must not take another's answer along.
 */
import type { JWK } from "jose";
import { importJWK } from "jose/key/import";
import { LIMITS, MINUTE_MS } from "../config/limits.ts";
import { isJsonObject, type JsonValue } from "../core/json.ts";
import { err, ok, type Result } from "../core/result.ts";
import { readBoundedText } from "./fetch-certificate.ts";
import type { KeySource, TokenAlgorithm } from "./scheme.ts";
import { refused, type VerifyFailure } from "./verify-failure.ts";

export interface KeyAccess {
  readonly fetch: typeof fetch;
  readonly nowMs: number;
  /** Where the sender gives its keys to its customers alone: the source's own credentials. */
  readonly credentials: { readonly clientId: string | undefined; readonly secrets: readonly string[] };
}

interface KnownSet {
  readonly keysById: ReadonlyMap<string, CryptoKey>;
  readonly fetchedAtMs: number;
}

/** null: the sender knows no such key, or not any more. */
interface KnownKey {
  readonly key: CryptoKey | null;
  readonly fetchedAtMs: number;
}

/** As many as the config's schemes name. */
const setsByUrl = new Map<string, KnownSet>();
/** The oldest entry makes room. */
const keysByName = new Map<string, KnownKey>();
const fetchesByUrl = new Map<string, { sinceMs: number; count: number }>();

const UNAVAILABLE = err<VerifyFailure>({ kind: "misconfigured", reason: "keys_unavailable" });
const UNKNOWN = err(refused("key_unknown"));

/** The key of that id. A failure says whether nobody knows it, or it could not be asked for just now. */
export function publishedKey(
  source: KeySource,
  algorithm: TokenAlgorithm,
  keyId: string,
  access: KeyAccess,
): Promise<Result<CryptoKey, VerifyFailure>> {
  return source.by === "jwks"
    ? keyOfSet(source.url, algorithm, keyId, access)
    : keyOfId(source.url, algorithm, keyId, access);
}

/** https://www.rfc-editor.org/rfc/rfc7517#section-5 */
async function keyOfSet(
  url: string,
  algorithm: TokenAlgorithm,
  keyId: string,
  access: KeyAccess,
): Promise<Result<CryptoKey, VerifyFailure>> {
  const known = setsByUrl.get(url);
  const key = known?.keysById.get(keyId);
  const ageMs = known === undefined ? Number.POSITIVE_INFINITY : access.nowMs - known.fetchedAtMs;
  if (key !== undefined && ageMs <= LIMITS.ingest.publishedKeyCacheMs) return ok(key);
  // A new key is published before it is used: a set that was just read knows them all.
  if (key === undefined && ageMs < LIMITS.ingest.publishedKeyRetryMs) return UNKNOWN;
  const fetched = await fetchJson(url, access, {});
  if (!fetched.ok || fetched.value.json === null) {
    // An outage of the sender's key host is not one of ours, for a while.
    return key !== undefined && ageMs <= LIMITS.ingest.publishedKeyStaleMs ? ok(key) : UNAVAILABLE;
  }
  const keysById = await keysIn(fetched.value.json, algorithm);
  setsByUrl.set(url, { keysById, fetchedAtMs: access.nowMs });
  const found = keysById.get(keyId);
  return found === undefined ? UNKNOWN : ok(found);
}

async function keysIn(json: JsonValue, algorithm: TokenAlgorithm): Promise<ReadonlyMap<string, CryptoKey>> {
  const keys = isJsonObject(json) && Array.isArray(json["keys"]) ? json["keys"] : [];
  const keysById = new Map<string, CryptoKey>();
  for (const candidate of keys.slice(0, LIMITS.ingest.maxPublishedKeys)) {
    const keyId = isJsonObject(candidate) ? candidate["kid"] : undefined;
    const key = await importedKey(candidate, algorithm);
    if (typeof keyId === "string" && key !== null) keysById.set(keyId, key);
  }
  return keysById;
}

/** https://plaid.com/docs/api/webhooks/webhook-verification/#get-webhook-verification-key */
async function keyOfId(
  url: string,
  algorithm: TokenAlgorithm,
  keyId: string,
  access: KeyAccess,
): Promise<Result<CryptoKey, VerifyFailure>> {
  const name = `${url} ${keyId}`;
  const known = keysByName.get(name);
  const { publishedKeyCacheMs, publishedKeyRetryMs, publishedKeyStaleMs } = LIMITS.ingest;
  const ageMs = known === undefined ? Number.POSITIVE_INFINITY : access.nowMs - known.fetchedAtMs;
  if (known !== undefined && ageMs <= (known.key === null ? publishedKeyRetryMs : publishedKeyCacheMs)) {
    return known.key === null ? UNKNOWN : ok(known.key);
  }
  const { clientId, secrets } = access.credentials;
  if (clientId === undefined) return err({ kind: "misconfigured", reason: "secret_missing" });
  for (const secret of secrets) {
    const body = JSON.stringify({ client_id: clientId, secret, key_id: keyId });
    const headers = { "content-type": "application/json" };
    const fetched = await fetchJson(url, access, { method: "POST", headers, body });
    if (!fetched.ok) break;
    const { json, code } = fetched.value;
    if (code === "INVALID_API_KEYS") continue;
    if (json === null && code === null) break;
    const found = isJsonObject(json) ? (json["key"] ?? null) : null;
    const isCurrent = isJsonObject(found) && (found["expired_at"] ?? null) === null && found["kid"] === keyId;
    remember(name, {
      key: isCurrent ? await importedKey(found, algorithm) : null,
      fetchedAtMs: access.nowMs,
    });
    const key = keysByName.get(name)?.key ?? null;
    return key === null ? UNKNOWN : ok(key);
  }
  const isUsable = known !== undefined && known.key !== null && ageMs <= publishedKeyStaleMs;
  return isUsable && known.key !== null ? ok(known.key) : UNAVAILABLE;
}

function remember(name: string, known: KnownKey): void {
  keysByName.delete(name);
  if (keysByName.size >= LIMITS.ingest.maxPublishedKeys) {
    const [oldest] = keysByName.keys();
    if (oldest !== undefined) keysByName.delete(oldest);
  }
  keysByName.set(name, known);
}

/** Only a public key of the algorithm's own kind: a set that holds another gives none for it. */
async function importedKey(jwk: JsonValue, algorithm: TokenAlgorithm): Promise<CryptoKey | null> {
  if (!isJsonObject(jwk)) return null;
  const text = (name: string): string => (typeof jwk[name] === "string" ? jwk[name] : "");
  if (text("use") !== "" && text("use") !== "sig") return null;
  if (text("alg") !== "" && text("alg") !== algorithm) return null;
  const publicPart: JWK =
    algorithm === "RS256"
      ? { kty: "RSA", n: text("n"), e: text("e") }
      : { kty: "EC", crv: "P-256", x: text("x"), y: text("y") };
  if (text("kty") !== publicPart.kty || (publicPart.crv ?? text("crv")) !== text("crv")) return null;
  try {
    const key = await importJWK(publicPart, algorithm);
    return key instanceof Uint8Array ? null : key;
  } catch {
    return null;
  }
}

interface Fetched {
  /** null: the answer was not 200, or is no JSON. */
  readonly json: JsonValue | null;
  /** Plaid's word on a refusal, which says whether the key or the credentials are unknown. */
  readonly code: string | null;
}

/** @returns "unavailable" when nobody answered, or when it was asked too often already */
async function fetchJson(
  url: string,
  { fetch: fetcher, nowMs }: KeyAccess,
  init: RequestInit,
): Promise<Result<Fetched, "unavailable">> {
  if (!mayFetch(url, nowMs)) return err("unavailable");
  try {
    const signal = AbortSignal.timeout(LIMITS.ingest.senderFetchMs);
    const response = await fetcher(url, { ...init, redirect: "manual", signal });
    if (response.body === null) return err("unavailable");
    const json: JsonValue = JSON.parse(await readBoundedText(response.body));
    if (response.ok) return ok({ json, code: null });
    const code = isJsonObject(json) ? json["error_code"] : null;
    return ok({ json: null, code: typeof code === "string" ? code : null });
  } catch {
    return err("unavailable");
  }
}

/** Forgeries name keys that nobody has: they must not become a flood at the sender's own host. */
function mayFetch(url: string, nowMs: number): boolean {
  const window = fetchesByUrl.get(url);
  if (window === undefined || nowMs - window.sinceMs >= MINUTE_MS) {
    fetchesByUrl.set(url, { sinceMs: nowMs, count: 1 });
    return true;
  }
  window.count++;
  return window.count <= LIMITS.ingest.maxKeyFetchesPerMinute;
}
