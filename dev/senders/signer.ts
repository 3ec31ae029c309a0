/** A sender as this project plays it: sample bodies, and its signature as its documentation describes it. */
import type { JsonValue } from "../../src/core/json.ts";

export interface SampleFacts {
  readonly id: string;
  readonly type: string;
  readonly atMs: number;
}

export interface SignInput extends SampleFacts {
  readonly body: string;
  readonly url: string;
  readonly secret: string;
}

export interface SignedParts {
  readonly headers: Readonly<Record<string, string>>;
  /** Where signing changes them. */
  readonly body?: string;
  readonly url?: string;
}

export interface SenderSigner {
  /** As in `/in/<name>` and in docs/senders.md. */
  readonly name: string;
  /** What the secret is made of. Default: any text. */
  readonly key?: "standard-webhooks" | "ed25519" | "ecdsa" | "certificate" | "google" | "plaid" | "paypal";
  readonly contentType?: string;
  /** Event types it can play, as the gateway calls them. */
  readonly types: readonly [string, ...string[]];
  sample(facts: SampleFacts): JsonValue;
  sign(input: SignInput): Promise<SignedParts>;
  /** The header that carries the signature; for `body`, the place inside it. */
  readonly signature: string | { readonly body: string };
  /** Headers whose change must be noticed, and those whose change cannot be. */
  readonly signedHeaders?: readonly string[];
  readonly unsignedHeaders?: readonly string[];
  /** The URL is part of what is signed. */
  readonly signsUrl?: boolean;
  /** The body is not signed: a shared secret, or Mailgun. */
  readonly bodyUnsigned?: boolean;
}

export interface SignedRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export function seconds(atMs: number): number {
  return Math.floor(atMs / 1_000);
}

export function iso(atMs: number): string {
  return new Date(atMs).toISOString();
}

/** A sample, signed as its sender does. @param body instead of the sample's own */
export async function signSampleOf(
  signer: SenderSigner,
  request: { readonly url: string; readonly secret: string; readonly body?: string } & SampleFacts,
): Promise<SignedRequest> {
  const { contentType = "application/json" } = signer;
  const sample = signer.sample(request);
  const isForm = contentType === "application/x-www-form-urlencoded";
  const own = isForm ? formOf(sample) : JSON.stringify(sample);
  const body = request.body ?? own;
  const signed = await signer.sign({ ...request, body });
  return {
    url: signed.url ?? request.url,
    headers: { "content-type": contentType, ...signed.headers },
    body: signed.body ?? body,
  };
}

function formOf(sample: JsonValue): string {
  const entries = typeof sample === "object" && sample !== null ? Object.entries(sample) : [];
  return new URLSearchParams(
    entries.map(([name, value]) => [name, typeof value === "string" ? value : JSON.stringify(value)]),
  ).toString();
}
