/**
 * Tokens for one stream: `sst_<right><expiry>_<signature>`. Signed, never stored; they open nothing but the stream whose id was
 * signed. They may stand in a URL (an `EventSource` sends no headers), so they expire, and the read-only one cannot stop
 * anything. They are never logged.
 */

export type StreamRight = "read" | "stop";

export interface StreamTokens {
  mint(streamId: string, right: StreamRight, expiresAtMs: number): Promise<string>;
  /** What the token allows on this stream; null: nothing. */
  verify(token: string, streamId: string, nowMs: number): Promise<StreamRight | null>;
}

export interface TokenSecrets {
  /** The first signs, each is accepted: secrets are rotated. Empty: nothing can be signed. */
  readonly values: () => readonly string[];
}

const TOKEN = /^sst_([rs])([0-9a-z]{1,11})_([A-Za-z0-9_-]{43})$/;
const LETTER: Readonly<Record<StreamRight, string>> = { read: "r", stop: "s" };
const INFO = "sluice stream tokens v1";

export function isStreamToken(text: string): boolean {
  return text.startsWith("sst_");
}

export function createStreamTokens(secrets: TokenSecrets): StreamTokens {
  // Keys, not promises of keys: one made by a request that is cut off would never settle for the others.
  const keyBySecret = new Map<string, CryptoKey>();
  const keyOf = async (secret: string): Promise<CryptoKey> => {
    const key = keyBySecret.get(secret) ?? (await deriveKey(secret));
    keyBySecret.set(secret, key);
    return key;
  };
  return {
    async mint(streamId, right, expiresAtMs) {
      const [secret] = secrets.values();
      if (secret === undefined) throw new Error("no secret to sign stream tokens with");
      const claims = `${LETTER[right]}${Math.ceil(expiresAtMs).toString(36)}`;
      const signature = await crypto.subtle.sign("HMAC", await keyOf(secret), bytesOf(streamId, claims));
      return `sst_${claims}_${base64url(new Uint8Array(signature))}`;
    },
    async verify(token, streamId, nowMs) {
      const [, letter = "", expiry = "", signature = ""] = TOKEN.exec(token) ?? [];
      const signed = signature === "" ? null : fromBase64url(signature);
      if (signed === null || Number.parseInt(expiry, 36) <= nowMs) return null;
      for (const secret of secrets.values()) {
        const key = await keyOf(secret);
        // Constant-time, as the platform's own.
        if (await crypto.subtle.verify("HMAC", key, signed, bytesOf(streamId, `${letter}${expiry}`))) {
          return letter === LETTER.stop ? "stop" : "read";
        }
      }
      return null;
    },
  };
}

/** The secret may be the API token: what signs here must not be usable there, nor the other way round. */
async function deriveKey(secret: string): Promise<CryptoKey> {
  const encoder = new TextEncoder();
  const material = await crypto.subtle.importKey("raw", encoder.encode(secret), "HKDF", false, ["deriveKey"]);
  return crypto.subtle.deriveKey(
    { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(0), info: encoder.encode(INFO) },
    material,
    { name: "HMAC", hash: "SHA-256", length: 256 },
    false,
    ["sign", "verify"],
  );
}

function bytesOf(streamId: string, claims: string): Uint8Array {
  return new TextEncoder().encode(`${streamId}:${claims}`);
}

function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replace(/=+$/, "");
}

function fromBase64url(text: string): Uint8Array<ArrayBuffer> | null {
  try {
    return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (one) => one.charCodeAt(0));
  } catch {
    return null;
  }
}
