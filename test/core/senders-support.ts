/** What the tests against senders' own packages share: our verdict, bodies of all kinds, and their ruin. */
import * as fc from "fast-check";
import { CATALOGUE } from "../../dev/senders/catalogue.ts";
import { signSampleOf, type SenderSigner, type SignedRequest } from "../../dev/senders/signer.ts";
import { SIGNERS } from "../../dev/senders/signers.ts";
import type { JsonValue } from "../../src/core/json.ts";
import type { Verification } from "../../src/ingest/scheme.ts";
import { verifyRequest } from "../../src/ingest/verify.ts";

export const URL_GIVEN = "https://sluice.test/in/sender?tenant=a%27b&x=1";

export function signerOf(name: string): SenderSigner {
  const signer = SIGNERS.get(name);
  if (signer === undefined) throw new Error(`no signer is called ${name}`);
  return signer;
}

export function verificationOf(name: string): Verification {
  const entry = CATALOGUE.find((candidate) => candidate.name === name);
  if (entry === undefined) throw new Error(`no sender is called ${name}`);
  return entry.verify;
}

/** Our engine's word on a request, `true` or the reason of its refusal. */
export async function ourVerdict(
  name: string,
  request: SignedRequest,
  secret: string,
  nowMs: number,
): Promise<true | string> {
  const isBodySigned = verificationOf(name).scheme.layout.layout === "body";
  const payload: JsonValue = isBodySigned ? JSON.parse(request.body) : null;
  const verified = await verifyRequest({
    verification: verificationOf(name),
    secrets: [secret],
    headers: new Headers(request.headers),
    method: "POST",
    url: request.url,
    body: Uint8Array.from(new TextEncoder().encode(request.body)),
    nowMs,
    payload,
  });
  return verified.ok ? true : verified.error.reason;
}

export async function signedBy(
  name: string,
  body: string,
  options: { readonly secret: string; readonly atMs: number; readonly url?: string },
): Promise<SignedRequest> {
  const signer = signerOf(name);
  const { secret, atMs, url = URL_GIVEN } = options;
  return signSampleOf(signer, { id: "id-1", type: signer.types[0], atMs, url, secret, body });
}

/** JSON of every kind: unicode in all planes, empty objects, deep and long. */
export function jsonBodies(): fc.Arbitrary<string> {
  const objects = fc.oneof(
    fc.constant({}),
    fc.dictionary(fc.string({ unit: "binary" }), fc.jsonValue()),
    fc.object({ maxDepth: 3 }),
    fc.record({ filler: fc.constant("ü😀".repeat(3_000)), id: fc.string({ unit: "grapheme" }) }),
  );
  // A lone surrogate has no UTF-8: no sender can send it.
  return objects.map((value) => JSON.stringify(value).toWellFormed());
}

export function secretTexts(): fc.Arbitrary<string> {
  return fc.string({ unit: "grapheme-ascii", minLength: 8, maxLength: 64 });
}

/** One character changed, added or dropped, somewhere. */
export function ruined(text: string, at: number): string {
  const index = at % Math.max(1, text.length);
  const character = text[index] ?? "";
  return `${text.slice(0, index)}${character === "a" ? "b" : "a"}${text.slice(index + 1)}`;
}
