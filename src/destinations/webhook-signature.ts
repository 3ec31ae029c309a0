/**
 * Signs deliveries as Standard Webhooks asks: `v1,<base64 HMAC-SHA256 of id.timestamp.body>`
 * (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md).
 * Several secrets may be active while one is rotated; the receiver takes any of the signatures.
 */
import { LIMITS } from "../config/limits.ts";
import { err, ok, type Result } from "../core/result.ts";

/** Raw key bytes, in the order of the secret's text. */
export type SigningKeys = readonly Uint8Array<ArrayBuffer>[];

export type WebhookSigner = (id: string, timestampSeconds: number, body: string) => Promise<string>;

const PREFIX = "whsec_";
/** The specification's own bounds. */
const MIN_KEY_BYTES = 24;
const MAX_KEY_BYTES = 64;

/** `whsec_<base64>`, or several separated by spaces. @returns why it cannot be used, without quoting it */
export function parseSigningKeys(secret: string): Result<SigningKeys, string> {
  const texts = secret.split(/\s+/).filter((text) => text !== "");
  const max = LIMITS.destinations.maxSigningSecrets;
  if (texts.length === 0) return err("is empty");
  if (texts.length > max) return err(`holds more than ${max} secrets`);
  const keys = texts.map((text) => decodeKey(text));
  const usable = keys.filter((key) => key !== undefined);
  if (usable.length < keys.length) {
    return err(`is not "${PREFIX}" and ${MIN_KEY_BYTES} to ${MAX_KEY_BYTES} bytes in base64`);
  }
  return ok(usable);
}

/** Keys are imported at the first delivery and kept: they, and not the promise of an invocation that may be cut off. */
export function createWebhookSigner(keys: SigningKeys): WebhookSigner {
  let imported: readonly CryptoKey[] | undefined;
  return async (id, timestampSeconds, body) => {
    imported ??= await Promise.all(keys.map(importKey));
    const content = new TextEncoder().encode(`${id}.${timestampSeconds}.${body}`);
    const signatures = await Promise.all(imported.map((key) => crypto.subtle.sign("HMAC", key, content)));
    return signatures.map((signature) => `v1,${encodeBase64(signature)}`).join(" ");
  };
}

function importKey(key: Uint8Array<ArrayBuffer>): Promise<CryptoKey> {
  return crypto.subtle.importKey("raw", key, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
}

function decodeKey(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (!text.startsWith(PREFIX)) return undefined;
  try {
    const key = Uint8Array.from(atob(text.slice(PREFIX.length)), (character) => character.charCodeAt(0));
    return key.byteLength >= MIN_KEY_BYTES && key.byteLength <= MAX_KEY_BYTES ? key : undefined;
  } catch {
    return undefined;
  }
}

function encodeBase64(bytes: ArrayBuffer): string {
  return btoa(String.fromCharCode(...new Uint8Array(bytes)));
}
