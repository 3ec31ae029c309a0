/**
 * Self-signed X.509 certificates (https://www.rfc-editor.org/rfc/rfc5280), for playing senders that sign under one.
 * Made anew each time, so that no private key lies in the repository.
 */
import { exportBytes, pairOf, toBase64, type Bytes } from "./webcrypto.ts";

export interface SelfSigned {
  readonly pem: string;
  /** base64 of PKCS #8. */
  readonly privateKey: string;
}

const RSA = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
const RSA_KEY = { ...RSA, modulusLength: 2_048, publicExponent: Uint8Array.from([1, 0, 1]) };
/** sha256WithRSAEncryption, and its parameters: NULL. */
const SIGNATURE_ALGORITHM = tlv(0x30, [...oid("2a864886f70d01010b"), 0x05, 0x00]);
const COMMON_NAME = oid("550403");
const ORGANIZATION = oid("55040a");

export async function selfSignedCertificate(options: {
  readonly commonName: string;
  /** Who is said to have issued it; Amazon by default, null: the subject itself. It is signed under its own key in any case. */
  readonly issuer?: { readonly organization: string; readonly commonName: string } | null;
  readonly validFromMs: number;
  readonly validToMs: number;
}): Promise<SelfSigned> {
  const pair = pairOf(await crypto.subtle.generateKey(RSA_KEY, true, ["sign", "verify"]));
  const spki = await exportBytes("spki", pair.publicKey);
  const pkcs8 = await exportBytes("pkcs8", pair.privateKey);
  const subject = tlv(0x30, attribute(COMMON_NAME, options.commonName));
  const { issuer = { organization: "Amazon", commonName: "Amazon RSA 2048 M01" } } = options;
  const issuedBy =
    issuer === null
      ? subject
      : tlv(0x30, [
          ...attribute(ORGANIZATION, issuer.organization),
          ...attribute(COMMON_NAME, issuer.commonName),
        ]);
  const validity = tlv(0x30, [...utcTime(options.validFromMs), ...utcTime(options.validToMs)]);
  const version = tlv(0xa0, [0x02, 0x01, 0x02]);
  const serial = [0x02, 0x01, 0x01];
  const toSign = tlv(0x30, [
    ...version,
    ...serial,
    ...SIGNATURE_ALGORITHM,
    ...issuedBy,
    ...validity,
    ...subject,
    ...spki,
  ]);
  const signature = await crypto.subtle.sign(RSA.name, pair.privateKey, Uint8Array.from(toSign));
  const bits = tlv(0x03, [0, ...new Uint8Array(signature)]);
  const certificate = Uint8Array.from(tlv(0x30, [...toSign, ...SIGNATURE_ALGORITHM, ...bits]));
  return { pem: pemOf(certificate), privateKey: toBase64(pkcs8) };
}

function attribute(type: readonly number[], text: string): readonly number[] {
  return tlv(0x31, tlv(0x30, [...type, ...tlv(0x0c, [...new TextEncoder().encode(text)])]));
}

function pemOf(der: Bytes): string {
  const lines = toBase64(der).match(/.{1,64}/g) ?? [];
  return ["-----BEGIN CERTIFICATE-----", ...lines, "-----END CERTIFICATE-----", ""].join("\n");
}

function tlv(tag: number, content: readonly number[]): readonly number[] {
  const { length } = content;
  if (length < 0x80) return [tag, length, ...content];
  const digits = length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return [tag, ...digits, ...content];
}

function oid(hex: string): readonly number[] {
  const pairs = hex.match(/../g) ?? [];
  return tlv(
    0x06,
    pairs.map((pair) => Number.parseInt(pair, 16)),
  );
}

/** Two-digit years: good for 1950 to 2049. */
function utcTime(timeMs: number): readonly number[] {
  const digits = new Date(timeMs).toISOString().replace(/\D/g, "").slice(2, 14);
  return tlv(0x17, [...new TextEncoder().encode(`${digits}Z`)]);
}
