/**
 * Secrets' texts to keys. Imported keys are kept in a small map for the isolate's life, because importing
 * costs more than verifying. A secret that does not decode is a mistake of ours, not of the sender.
 */
import { LIMITS } from "../config/limits.ts";
import { err, ok, unreachable, type Result } from "../core/result.ts";
import { decodeBase64, decodeHex, encodeUtf8 } from "./encodings.ts";
import type { KeyEncoding, SignatureAlgorithm, SignatureScheme } from "./scheme.ts";

export type VerifyKey =
  | { readonly algorithm: HmacAlgorithm | PublicKeyAlgorithm; readonly key: CryptoKey }
  /** The digest of the secret: digests have equal lengths, whatever is presented. */
  | { readonly algorithm: "shared-secret"; readonly digest: Uint8Array };

type HmacAlgorithm = "hmac-sha256" | "hmac-sha512" | "hmac-sha1";
type PublicKeyAlgorithm = "ed25519" | "ecdsa-p256" | "rsa-sha256";

const HASH_BY_HMAC: Readonly<Record<HmacAlgorithm, string>> = {
  "hmac-sha256": "SHA-256",
  "hmac-sha512": "SHA-512",
  "hmac-sha1": "SHA-1",
};
/** Shorter RSA keys are no proof: https://csrc.nist.gov/pubs/sp/800/131/a/r2/final. */
const MIN_RSA_BITS = 2_048;

interface KeyMaterial {
  readonly algorithm: SignatureAlgorithm;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

const ED25519_KEY_BYTES = 32;
/** https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md : 24 to 64 bytes. */
const MIN_BARE_KEY_BYTES = 24;

/** The oldest entry makes room: a map keeps the order of insertion. */
const keysBySecret = new Map<string, VerifyKey>();

type KeyFacts = Pick<SignatureScheme, "algorithm" | "keyEncoding">;

function cacheKeyOf(scheme: KeyFacts, secret: string): string {
  return `${scheme.algorithm} ${scheme.keyEncoding} ${secret}`;
}

/** A key that was imported before: without the wait that importing is. */
export function knownKey(scheme: KeyFacts, secret: string): VerifyKey | undefined {
  return keysBySecret.get(cacheKeyOf(scheme, secret));
}

export async function importKey(
  scheme: KeyFacts,
  secret: string,
): Promise<Result<VerifyKey, "secret_malformed">> {
  const known = knownKey(scheme, secret);
  if (known !== undefined) return ok(known);
  const material = readSecret(scheme, secret);
  if (material === null || material.bytes.length === 0) return err("secret_malformed");
  let key: VerifyKey;
  try {
    key = await toVerifyKey(material);
  } catch {
    // The bytes are no key of this algorithm; the platform's message may quote them.
    return err("secret_malformed");
  }
  if (keysBySecret.size >= LIMITS.ingest.maxCachedKeys) {
    const [oldest] = keysBySecret.keys();
    if (oldest !== undefined) keysBySecret.delete(oldest);
  }
  keysBySecret.set(cacheKeyOf(scheme, secret), key);
  return ok(key);
}

/** Whether a text can be a secret of this scheme at all. Says nothing about whether it is the right one. */
export function isUsableSecret(scheme: KeyFacts, secret: string): boolean {
  const read = readSecret(scheme, secret);
  return read !== null && read.bytes.length > 0;
}

/** White space around a text of structure was pasted along with it. A plain text is taken as it is. */
function readSecret(
  scheme: { readonly algorithm: SignatureAlgorithm; readonly keyEncoding: KeyEncoding },
  secret: string,
): KeyMaterial | null {
  switch (scheme.keyEncoding) {
    case "utf8":
      return { algorithm: scheme.algorithm, bytes: encodeUtf8(secret) };
    case "hex":
      return material(scheme.algorithm, decodeHex(secret.trim()));
    case "standard-webhooks":
      return readStandardSecret(secret.trim());
    case "base64-spki":
      return material(scheme.algorithm, decodeBase64(withoutPem(secret)));
    default:
      return unreachable(scheme.keyEncoding);
  }
}

/**
 * The forms that vendors show a Standard Webhooks secret in, each told by how it begins: `whsec_…`; `v1,whsec_…`
 * (Supabase: https://supabase.com/docs/guides/auth/auth-hooks); `polar_whs_…`, the key itself (Polar's older
 * endpoints: https://polar.sh/docs/integrate/webhooks/delivery); and the base64 alone, as the reference packages
 * take it. The last one must be as long as the specification asks, so that another vendor's text is not taken for a key.
 */
function readStandardSecret(secret: string): KeyMaterial | null {
  if (secret.startsWith("polar_whs_")) return { algorithm: "hmac-sha256", bytes: encodeUtf8(secret) };
  const text = secret.replace(/^v1a?,(?=wh(?:sec|pk)_)/, "");
  if (text.startsWith("whsec_")) return material("hmac-sha256", decodeBase64(text.slice(6)));
  if (text.startsWith("whpk_")) return material("ed25519", decodeBase64(text.slice(5)));
  const bytes = decodeBase64(text);
  return bytes !== null && bytes.length >= MIN_BARE_KEY_BYTES ? { algorithm: "hmac-sha256", bytes } : null;
}

/** A public key comes as bare base64, or as PEM: in lines, or with the line ends of a quoted variable. */
function withoutPem(text: string): string {
  const pem = /-----BEGIN PUBLIC KEY-----([^-]+)-----END PUBLIC KEY-----/.exec(text);
  return (pem?.[1] ?? text).replaceAll(/\s|\\n/g, "");
}

function material(algorithm: SignatureAlgorithm, bytes: Uint8Array<ArrayBuffer> | null): KeyMaterial | null {
  return bytes === null ? null : { algorithm, bytes };
}

async function toVerifyKey({ algorithm, bytes }: KeyMaterial): Promise<VerifyKey> {
  switch (algorithm) {
    case "hmac-sha256":
    case "hmac-sha512":
    case "hmac-sha1": {
      const hash = HASH_BY_HMAC[algorithm];
      const key = await crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash }, false, ["sign"]);
      return { algorithm, key };
    }
    case "ed25519": {
      if (bytes.length !== ED25519_KEY_BYTES) throw new TypeError("an Ed25519 public key has 32 bytes");
      const key = await crypto.subtle.importKey("raw", bytes, { name: "Ed25519" }, false, ["verify"]);
      return { algorithm, key };
    }
    case "ecdsa-p256": {
      const curve = { name: "ECDSA", namedCurve: "P-256" };
      const key = await crypto.subtle.importKey("spki", bytes, curve, false, ["verify"]);
      return { algorithm, key };
    }
    case "rsa-sha256":
      return { algorithm, key: await importRsaKey(bytes) };
    case "shared-secret":
      return { algorithm, digest: new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)) };
    case "jwt":
    case "sns-certificate":
      throw new TypeError("the keys of such requests are fetched");
    default:
      return unreachable(algorithm);
  }
}

/** @param spki a SubjectPublicKeyInfo @throws for anything but an RSA key that is long enough */
export async function importRsaKey(spki: Uint8Array<ArrayBuffer>): Promise<CryptoKey> {
  const algorithm = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("spki", spki, algorithm, false, ["verify"]);
  const { modulusLength } = key.algorithm as { readonly modulusLength?: number }; // of an RSA key, by its algorithm
  if (modulusLength === undefined || modulusLength < MIN_RSA_BITS)
    throw new TypeError("the RSA key is too short");
  return key;
}
