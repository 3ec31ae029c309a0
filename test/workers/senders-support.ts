/** Every sender played against the front door: one gateway that knows them all, under `/in/<name>`. */
import * as z from "zod";
import { selfSignedCertificate, type SelfSigned } from "../../dev/senders/certificate.ts";
import { CATALOGUE } from "../../dev/senders/catalogue.ts";
import { signSampleOf, type SenderSigner, type SignedRequest } from "../../dev/senders/signer.ts";
import { SIGNERS } from "../../dev/senders/signers.ts";
import {
  GOOGLE_ACCOUNT,
  PAYPAL_CERTIFICATE_URL,
  PAYPAL_WEBHOOK_ID,
  GOOGLE_KEYS_URL,
  PLAID_KEYS_URL,
  publicJwk,
} from "../../dev/senders/sign-tokens.ts";
import { SNS_CERTIFICATE_URL, SNS_TOPIC } from "../../dev/senders/sign-platforms.ts";
import { newEcdsaPair, newEd25519Pair } from "../../dev/senders/webcrypto.ts";
import { defineSource, type Source } from "../../src/config/define-source.ts";
import { DAY_MS } from "../../src/config/limits.ts";
import type { Verification } from "../../src/ingest/scheme.ts";
import { NOW_MS, testIngest, testPipeline, type TestIngest } from "./ingest-support.ts";

export const SENDERS: readonly SenderSigner[] = [...SIGNERS.values()];
export const META_VERIFY_TOKEN = "a verify token";

const everything = testPipeline("everything");

export interface SenderGateway extends TestIngest {
  /** What a sender signs with. */
  readonly signingSecret: (sender: SenderSigner) => string;
  readonly fetched: string[];
}

export function verificationOf(name: string): Verification {
  const entry = CATALOGUE.find((candidate) => candidate.name === name);
  if (entry === undefined) throw new Error(`no sender is called ${name}`);
  return entry.verify;
}

export async function senderGateway(
  overrides: Readonly<Record<string, Verification>> = {},
  fetcher?: typeof fetch,
): Promise<SenderGateway> {
  const [ed25519, ecdsa] = [await newEd25519Pair(), await newEcdsaPair()];
  const certificate = await snsCertificate();
  const pairs: Readonly<Record<string, { readonly signs: string; readonly verifies: string }>> = {
    ed25519: { signs: ed25519.privateKey, verifies: ed25519.publicKey },
    ecdsa: { signs: ecdsa.privateKey, verifies: ecdsa.publicKey },
    paypal: { signs: certificate.privateKey, verifies: PAYPAL_WEBHOOK_ID },
    google: { signs: certificate.privateKey, verifies: GOOGLE_ACCOUNT },
    plaid: { signs: (await plaidPair()).privateKey, verifies: "the secret of plaid" },
    certificate: { signs: certificate.privateKey, verifies: SNS_TOPIC },
    "standard-webhooks": textPair("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
  };
  const pairOf = (name: string) => {
    const key = SIGNERS.get(name)?.key;
    return (key === undefined ? undefined : pairs[key]) ?? textPair(`the secret of ${name}`);
  };
  const secrets = new Map(CATALOGUE.map(({ name, binding }) => [binding, pairOf(name).verifies]));
  secrets.set("PLAID_CLIENT_ID", "the client id of plaid");
  secrets.set("META_VERIFY_TOKEN", META_VERIFY_TOKEN);
  const sources = CATALOGUE.map(({ name, verify }) => [name, sourceOf(overrides[name] ?? verify)] as const);
  const fetched: string[] = [];
  const gateway = testIngest(Object.fromEntries(sources), {
    secret: (name) => secrets.get(name),
    fetch: async (input, init) => {
      const { url } = new Request(input);
      fetched.push(url);
      return fetcher?.(input, init) ?? keyHost(url, certificate);
    },
  });
  return { ...gateway, signingSecret: ({ name }) => pairOf(name).signs, fetched };
}

/** Amazon's, Google's and Plaid's, as far as keys go. */
async function keyHost(url: string, { pem, privateKey }: SelfSigned): Promise<Response> {
  switch (url) {
    case SNS_CERTIFICATE_URL:
    case PAYPAL_CERTIFICATE_URL:
      return new Response(pem);
    case GOOGLE_KEYS_URL:
      return Response.json({ keys: [await publicJwk(privateKey, "RS256")] });
    case PLAID_KEYS_URL: {
      const key = await publicJwk((await plaidPair()).privateKey, "ES256");
      return Response.json({ key: { ...key, created_at: 1, expired_at: null } });
    }
    default:
      return new Response("no", { status: 404 });
  }
}

/** One per test file: keys are kept by their ids. */
let knownPair: ReturnType<typeof newEcdsaPair> | undefined;

export function plaidPair(): ReturnType<typeof newEcdsaPair> {
  knownPair ??= newEcdsaPair();
  return knownPair;
}

/** One per test file: certificates are cached by their URL. */
let known: ReturnType<typeof selfSignedCertificate> | undefined;

export function snsCertificate(): ReturnType<typeof selfSignedCertificate> {
  const validity = { validFromMs: NOW_MS - DAY_MS, validToMs: NOW_MS + DAY_MS };
  known ??= selfSignedCertificate({ commonName: "sns.amazonaws.com", ...validity });
  return known;
}

function sourceOf(verify: Verification): Source {
  return defineSource({ verify, events: { "*": z.unknown() }, routes: (route) => [route("*", everything)] });
}

function textPair(text: string) {
  return { signs: text, verifies: text };
}

export const urlOf = ({ name }: SenderSigner) => `https://sluice.test/in/${name}?tenant=1`;

export async function signed(
  gateway: SenderGateway,
  sender: SenderSigner,
  options: {
    readonly id?: string;
    readonly type?: string;
    readonly body?: string;
    readonly atMs?: number;
  } = {},
): Promise<SignedRequest> {
  const { id = "id-20261121", type = sender.types[0], body, atMs = NOW_MS } = options;
  return signSampleOf(sender, {
    id,
    type,
    atMs,
    url: urlOf(sender),
    secret: gateway.signingSecret(sender),
    ...(body === undefined ? {} : { body }),
  });
}

export function requestOf({ url, headers, body }: SignedRequest): Request {
  return new Request(url, { method: "POST", headers, body });
}

export function send(
  gateway: SenderGateway,
  sender: SenderSigner,
  request: SignedRequest,
): Promise<Response> {
  return gateway.ingest(requestOf(request), sender.name);
}
