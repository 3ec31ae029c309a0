/** What a signature costs to refuse tells nothing of it: the same operations, in number and kind, wherever it first differs. */
import { afterEach, beforeAll, expect, it, vi } from "vitest";
import { CATALOGUE } from "../../dev/senders/catalogue.ts";
import { createKeyring, type Keyring } from "../../dev/fuzz/keyring.ts";
import { signSampleOf, type SenderSigner, type SignedRequest } from "../../dev/senders/signer.ts";
import { SIGNERS } from "../../dev/senders/signers.ts";
import { verifyRequest } from "../../src/ingest/verify.ts";
import { URL_GIVEN, verificationOf } from "./senders-support.ts";

const NOW_MS = Date.now();
let keyring: Keyring;

beforeAll(async () => {
  keyring = await createKeyring(NOW_MS);
});

afterEach(() => vi.restoreAllMocks());

/** Every call to the platform's cryptography, in order. */
function watchCrypto(): string[] {
  const calls: string[] = [];
  for (const name of ["sign", "verify", "digest"] as const) {
    const original: (...args: never[]) => unknown = crypto.subtle[name].bind(crypto.subtle);
    vi.spyOn(crypto.subtle, name).mockImplementation((...args: unknown[]) => {
      const [algorithm] = args;
      calls.push(`${name} ${typeof algorithm === "string" ? algorithm : JSON.stringify(algorithm)}`);
      return Reflect.apply(original, crypto.subtle, args);
    });
  }
  return calls;
}

async function verdictOf(name: string, request: SignedRequest, secrets: readonly string[]) {
  const isJson = name !== "twilio";
  const verified = await verifyRequest({
    verification: verificationOf(name),
    secrets,
    headers: new Headers(request.headers),
    method: "POST",
    url: request.url,
    body: Uint8Array.from(new TextEncoder().encode(request.body)),
    payload: isJson ? JSON.parse(request.body) : null,
    nowMs: NOW_MS,
    fetchCertificate: async () => keyring.certificatePem,
  });
  return verified.ok ? "proven" : verified.error.reason;
}

/** The signature with another bit at this part of it, still well-formed. */
function differingAt(signer: SenderSigner, request: SignedRequest, part: number): SignedRequest {
  const change = (text: string) => exchange(text, part, signer.key === "ecdsa");
  if (typeof signer.signature === "string") {
    const value = request.headers[signer.signature] ?? "";
    return { ...request, headers: { ...request.headers, [signer.signature]: change(value) } };
  }
  const name = signer.signature.body.split(".").at(-1) ?? "";
  const [whole = "", text = ""] = new RegExp(`"${name}":"([^"]*)"`).exec(request.body) ?? [];
  return { ...request, body: request.body.replace(whole, () => `"${name}":"${change(text)}"`) };
}

/** @param part from 0, the first character of the signature proper, to 1, the last whose bits all count */
function exchange(value: string, part: number, isDer: boolean): string {
  const token = /[0-9A-Za-z+/]{20,}={0,2}$/.exec(value)?.[0] ?? value.replace(/^Bearer /, "");
  if (isDer) {
    const der = Uint8Array.from(atob(token), (character) => character.charCodeAt(0));
    // Behind the first bytes of r, or at the end of s: the form stays.
    const at = 8 + Math.round(part * (der.length - 9));
    const lengthOfR = der[3] ?? 0;
    const isFrame = at >= 4 + lengthOfR && at < 8 + lengthOfR;
    const place = isFrame ? at + 4 : at;
    der[place] = (der[place] ?? 0) ^ 1;
    return btoa(String.fromCharCode(...der));
  }
  const start = value.length - token.length;
  const length = token.replace(/=+$/, "").length - (token.endsWith("=") ? 1 : 0);
  const at = start + Math.round(part * (length - 1));
  const other = value[at] === "a" ? "b" : "a";
  return value.slice(0, at) + other + value.slice(at + 1);
}

/** Not those whose keys are published, and fetched: there is no secret that a time could tell of. */
const SECRET_SENDERS = CATALOGUE.filter(({ verify: { scheme } }) => !scheme.token && !scheme.certificate);

it.each(SECRET_SENDERS)("of $name, genuine or not, wherever it differs", async ({ name, binding }) => {
  const signer = SIGNERS.get(name);
  if (signer === undefined) throw new Error(`no signer is called ${name}`);
  const secrets = [keyring.bindings[binding] ?? ""];
  const secret = keyring.signing(name);
  const facts = { id: "id-1", type: signer.types[0], atMs: NOW_MS, url: URL_GIVEN, secret };
  const request = await signSampleOf(signer, facts);
  // Keys and certificates are kept from here on.
  expect(await verdictOf(name, request, secrets)).toBe("proven");
  const calls = watchCrypto();
  expect(await verdictOf(name, request, secrets)).toBe("proven");
  const expected = calls.splice(0);
  expect(expected.length).toBeGreaterThan(0);
  for (const part of [0, 0.2, 0.5, 0.8, 1]) {
    const changed = differingAt(signer, request, part);
    expect(changed).not.toEqual(request);
    expect(await verdictOf(name, changed, secrets), `at ${part}`).toBe("signature_mismatch");
    expect(calls.splice(0), `at ${part}`).toEqual(expected);
  }
});

it("while a secret is rotated, it does not show which one a signature is of", async () => {
  const signer = SIGNERS.get("stripe");
  if (signer === undefined) throw new Error("there is a signer for Stripe");
  const secrets = ["the new one", "the old one"];
  const facts = { id: "id-1", type: "invoice.paid", atMs: NOW_MS, url: URL_GIVEN };
  const seen: string[][] = [];
  for (const secret of [...secrets, "nobody's"]) {
    const request = await signSampleOf(signer, { ...facts, secret });
    await verdictOf("stripe", request, secrets);
    const calls = watchCrypto();
    const verdict = await verdictOf("stripe", request, secrets);
    expect(verdict).toBe(secret === "nobody's" ? "signature_mismatch" : "proven");
    seen.push(calls.splice(0));
    vi.restoreAllMocks();
  }
  expect(seen[0]).toHaveLength(2);
  expect(seen[1]).toEqual(seen[0]);
  expect(seen[2]).toEqual(seen[0]);
});
