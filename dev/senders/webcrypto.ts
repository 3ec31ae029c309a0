/**
 * What senders sign with, on web standards alone, so that the signers run in Node and inside the Workers runtime.
 * Shares nothing with the code that verifies: the point is a check from outside.
 */

export type Hash = "SHA-1" | "SHA-256" | "SHA-512";
export type Bytes = Uint8Array<ArrayBuffer>;

export function utf8(text: string): Bytes {
  return Uint8Array.from(new TextEncoder().encode(text));
}

export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function toBase64(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}

export function fromBase64(text: string): Bytes {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

/** Of a text its UTF-8. */
function bytesOf(content: string | Bytes): Bytes {
  return typeof content === "string" ? utf8(content) : content;
}

export async function hmac(hash: Hash, key: string | Bytes, content: string | Bytes): Promise<Bytes> {
  const bytes = bytesOf(key);
  const imported = await crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash }, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", imported, bytesOf(content)));
}

export async function hmacHex(hash: Hash, key: string, content: string): Promise<string> {
  return toHex(await hmac(hash, key, content));
}

export async function hmacBase64(hash: Hash, key: string, content: string): Promise<string> {
  return toBase64(await hmac(hash, key, content));
}

/** Private keys travel as base64 of their PKCS #8 form, as other secrets do. */
export async function ed25519Sign(privateKey: string, content: string | Bytes): Promise<Bytes> {
  const key = await crypto.subtle.importKey("pkcs8", fromBase64(privateKey), "Ed25519", false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("Ed25519", key, bytesOf(content)));
}

export async function ecdsaSignDer(privateKey: string, content: string): Promise<Bytes> {
  const curve = { name: "ECDSA", namedCurve: "P-256" };
  const key = await crypto.subtle.importKey("pkcs8", fromBase64(privateKey), curve, false, ["sign"]);
  const algorithm = { name: "ECDSA", hash: "SHA-256" };
  const raw = new Uint8Array(await crypto.subtle.sign(algorithm, key, utf8(content)));
  const integers = [...derInteger(raw.subarray(0, 32)), ...derInteger(raw.subarray(32))];
  return Uint8Array.from([0x30, integers.length, ...integers]);
}

export async function rsaSign(hash: Hash, privateKey: string, content: string | Bytes): Promise<Bytes> {
  const algorithm = { name: "RSASSA-PKCS1-v1_5", hash };
  const key = await crypto.subtle.importKey("pkcs8", fromBase64(privateKey), algorithm, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign(algorithm.name, key, bytesOf(content)));
}

/** @param signature base64 of ASN.1; anything else does not verify */
export async function ecdsaVerifyDer(publicKey: string, signature: string, content: Bytes): Promise<boolean> {
  let der: Bytes;
  try {
    der = fromBase64(signature);
  } catch {
    return false;
  }
  const scalars: number[][] = [];
  for (let offset = 2; offset < der.length; offset += 2 + (der[offset + 1] ?? 0)) {
    scalars.push([...der.subarray(offset + 2, offset + 2 + (der[offset + 1] ?? 0))].slice(-32));
  }
  const raw = scalars.flatMap((scalar) => [
    ...Array.from({ length: 32 - scalar.length }, () => 0),
    ...scalar,
  ]);
  if (raw.length !== 64) return false;
  const curve = { name: "ECDSA", namedCurve: "P-256" };
  const key = await crypto.subtle.importKey("spki", fromBase64(publicKey), curve, false, ["verify"]);
  return crypto.subtle.verify({ name: "ECDSA", hash: "SHA-256" }, key, Uint8Array.from(raw), content);
}

function derInteger(scalar: Uint8Array): readonly number[] {
  const first = scalar.findIndex((byte) => byte !== 0);
  const digits = first === -1 ? [0] : [...scalar.subarray(first)];
  const positive = (digits[0] ?? 0) >= 0x80 ? [0, ...digits] : digits;
  return [0x02, positive.length, ...positive];
}

export interface KeyPair {
  /** What signs. */
  readonly privateKey: string;
  /** What the gateway is given: hex for Ed25519, base64 of the SubjectPublicKeyInfo for ECDSA. */
  readonly publicKey: string;
}

export async function newEd25519Pair(): Promise<KeyPair> {
  const pair = pairOf(await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"]));
  return {
    privateKey: toBase64(await exportBytes("pkcs8", pair.privateKey)),
    publicKey: toHex(await exportBytes("raw", pair.publicKey)),
  };
}

export async function newEcdsaPair(): Promise<KeyPair> {
  const curve = { name: "ECDSA", namedCurve: "P-256" };
  const pair = pairOf(await crypto.subtle.generateKey(curve, true, ["sign", "verify"]));
  return {
    privateKey: toBase64(await exportBytes("pkcs8", pair.privateKey)),
    publicKey: toBase64(await exportBytes("spki", pair.publicKey)),
  };
}

/** What an asymmetric algorithm gives; the types leave it open. */
export function pairOf(keys: CryptoKey | CryptoKeyPair): CryptoKeyPair {
  if ("privateKey" in keys) return keys;
  throw new TypeError("a pair of keys was asked for");
}

export async function exportBytes(format: "pkcs8" | "spki" | "raw", key: CryptoKey): Promise<Bytes> {
  const bytes: unknown = await crypto.subtle.exportKey(format, key);
  if (bytes instanceof ArrayBuffer) return new Uint8Array(bytes);
  throw new TypeError("bytes were asked for");
}
