/**
 * ECDSA signatures come as ASN.1 (a SEQUENCE of two INTEGERs) and WebCrypto wants r and s side by side. Strict
 * DER (https://www.itu.int/rec/T-REC-X.690): one encoding per signature, so that none can be respelled.
 */

const SEQUENCE = 0x30;
const INTEGER = 0x02;
const SCALAR_BYTES = 32;

/** @returns 64 bytes, or null for anything but the DER of two positive 256-bit integers */
export function ecdsaSignatureFromDer(der: Uint8Array): Uint8Array<ArrayBuffer> | null {
  // Two integers of at most 33 bytes: the length is always one byte.
  if (der[0] !== SEQUENCE || der[1] !== der.length - 2) return null;
  const r = readInteger(der, 2);
  if (r === null) return null;
  const s = readInteger(der, r.end);
  if (s === null || s.end !== der.length) return null;
  const raw = new Uint8Array(2 * SCALAR_BYTES);
  raw.set(r.scalar, SCALAR_BYTES - r.scalar.length);
  raw.set(s.scalar, 2 * SCALAR_BYTES - s.scalar.length);
  return raw;
}

function readInteger(
  der: Uint8Array,
  at: number,
): { readonly scalar: Uint8Array; readonly end: number } | null {
  const length = der[at + 1];
  if (der[at] !== INTEGER || length === undefined || length === 0) return null;
  const start = at + 2;
  const end = start + length;
  const first = der[start];
  if (end > der.length || first === undefined || first >= 0x80) return null;
  if (first !== 0) return length > SCALAR_BYTES ? null : { scalar: der.subarray(start, end), end };
  // A leading zero is there only to keep the number positive; alone it would be the number 0.
  const second = der[start + 1];
  if (length === 1 || length > SCALAR_BYTES + 1 || second === undefined || second < 0x80) return null;
  return { scalar: der.subarray(start + 1, end), end };
}
