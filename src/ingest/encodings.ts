/**
 * Strict text-to-bytes decoding for signatures and keys. Lenient decoders accept many texts for one value
 * (whitespace, missing padding, stray bits); here each value has one text, hex digits' case aside.
 */
import { encodeHex } from "../core/hex.ts";

/** Lower- or upper-case digits, two per byte, nothing else. */
export function decodeHex(text: string): Uint8Array<ArrayBuffer> | null {
  if (text.length % 2 !== 0) return null;
  const bytes = new Uint8Array(text.length / 2);
  for (let index = 0; index < bytes.length; index++) {
    const high = hexDigit(text.charCodeAt(index * 2));
    const low = hexDigit(text.charCodeAt(index * 2 + 1));
    if (high === -1 || low === -1) return null;
    bytes[index] = (high << 4) | low;
  }
  return bytes;
}

/** -1 for anything else. */
function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

/** Canonical base64 of RFC 4648 section 4: standard alphabet, padded, trailing bits zero. */
export function decodeBase64(text: string): Uint8Array<ArrayBuffer> | null {
  let binary: string;
  try {
    binary = atob(text);
  } catch {
    return null;
  }
  if (btoa(binary) !== text) return null;
  const bytes = new Uint8Array(binary.length);
  for (let index = 0; index < bytes.length; index++) bytes[index] = binary.charCodeAt(index);
  return bytes;
}

const encoder = new TextEncoder();

export function encodeUtf8(text: string): Uint8Array<ArrayBuffer> {
  // The platform's types leave the kind of buffer open; an encoder never makes a shared one.
  return encoder.encode(text) as Uint8Array<ArrayBuffer>;
}

/** Of bytes that were hashed before, some of them while they were read. */
const knownDigests = new WeakMap<Uint8Array, string>();

export function rememberSha256(bytes: Uint8Array, sha256: string): void {
  knownDigests.set(bytes, sha256);
}

export async function sha256Hex(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const known = knownDigests.get(bytes);
  if (known !== undefined) return known;
  const sha256 = encodeHex(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)));
  knownDigests.set(bytes, sha256);
  return sha256;
}
