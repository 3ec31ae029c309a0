/**
 * A session is a cookie that carries the operator's token, sealed (AES-256-GCM under a key derived from a secret of the
 * gateway): nothing is stored until it is logged out of, and what is stolen from a browser's disk opens the dashboard for hours, never the API.
 */
import * as z from "zod";
import { fromBase64Url, toBase64Url } from "./base64url.ts";

const sessionSchema = z.object({
  v: z.literal(1),
  token: z.string(),
  /** Goes into every form, and must come back with it. */
  formKey: z.string(),
  untilMs: z.int(),
});
export type Session = Readonly<z.infer<typeof sessionSchema>>;

const IV_BYTES = 12;
const INFO = new TextEncoder().encode("sluice/dashboard-session/1");

export async function sealSession(
  session: Session,
  secret: string,
  randomBytes: (count: number) => Uint8Array<ArrayBuffer>,
): Promise<string> {
  const iv = randomBytes(IV_BYTES);
  const plain = new TextEncoder().encode(JSON.stringify(session));
  const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv }, await keyOf(secret), plain);
  const whole = new Uint8Array(IV_BYTES + sealed.byteLength);
  whole.set(iv);
  whole.set(new Uint8Array(sealed), IV_BYTES);
  return toBase64Url(whole);
}

/** null: not sealed by one of these, or over. */
export async function openSession(
  text: string,
  secrets: readonly string[],
  nowMs: number,
): Promise<Session | null> {
  const whole = fromBase64Url(text);
  if (whole === null || whole.length <= IV_BYTES) return null;
  const algorithm = { name: "AES-GCM", iv: whole.slice(0, IV_BYTES) };
  for (const secret of secrets) {
    try {
      const plain = await crypto.subtle.decrypt(algorithm, await keyOf(secret), whole.slice(IV_BYTES));
      const session = sessionSchema.parse(JSON.parse(new TextDecoder().decode(plain)));
      return nowMs < session.untilMs ? session : null;
    } catch {
      // Sealed by another secret, or not at all.
    }
  }
  return null;
}

async function keyOf(secret: string): Promise<CryptoKey> {
  const material = await crypto.subtle.importKey("raw", new TextEncoder().encode(secret), "HKDF", false, [
    "deriveKey",
  ]);
  return crypto.subtle.deriveKey(
    { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(0), info: INFO },
    material,
    { name: "AES-GCM", length: 256 },
    false,
    ["encrypt", "decrypt"],
  );
}
