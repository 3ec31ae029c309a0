/**
 * From an HTTP request to verified events: media type, body under its cap, signature over the raw bytes, and only
 * then parsing and facts. Nothing that was not proven is looked into, except where the signature itself stands in
 * the body. Nothing here is durable.
 */
import { LIMITS } from "../config/limits.ts";
import { parseExactJson, rewriteJson } from "../core/exact-json.ts";
import { encodeHex } from "../core/hex.ts";
import type { JsonValue } from "../core/json.ts";
import { err, ok, type Result } from "../core/result.ts";
import { keepElements, withoutValues } from "./body-fields.ts";
import { mayBeInline } from "./claim-check.ts";
import { encodeUtf8, sha256Hex } from "./encodings.ts";
import {
  keptHeaders,
  needsBodyDigest,
  needsReceipt,
  readBodyTimestamp,
  readSchemeFacts,
  type FactSource,
} from "./facts.ts";
import type { IngestFailure } from "./failure.ts";
import { certificateFetcher } from "./fetch-certificate.ts";
import { answerSigned, type HandshakeAnswer } from "./handshakes.ts";
import type { LargeBody } from "./large-body.ts";
import type { VerifiedRequest } from "./make-envelope.ts";
import { parseBody, type BodyFormat, type ParsedBody } from "./parse-body.ts";
import type { IngestDependencies } from "./ports.ts";
import { readBody } from "../platform/read-body.ts";
import { acceptedFormat, bodyBoundsOf } from "./request-head.ts";
import type { ReadySource } from "./routes.ts";
import { activeSecrets, handshakeContext, nearestOf, originOf, valuesOf } from "./request-context.ts";
import type { SignatureScheme } from "./scheme.ts";
import { splitBody } from "./split.ts";
import type { VerifiedFacts } from "./verify-failure.ts";
import { freshnessFault, verifyRequest } from "./verify.ts";

/** What a request has shown of itself so far: for its log line, whatever becomes of it. */
export interface Sighting {
  bodyBytes: number;
  /** Named secrets that are not set or do not decode. */
  unusableSecrets: number;
}

type Access = Pick<IngestDependencies, "secret" | "nowMs" | "fetch" | "randomBytes">;

export type Opened =
  | { readonly kind: "handshake"; readonly answer: HandshakeAnswer }
  /** One, or the items of a split body: possibly none. */
  | { readonly kind: "events"; readonly events: readonly VerifiedRequest[] };

/** @param large for sources that take bodies of more than one read */
export async function openRequest(
  access: Access,
  { source, versionHeaders }: ReadySource,
  request: Request,
  traceparent: string,
  sighting: Sighting,
  large?: LargeBody,
): Promise<Result<Opened, IngestFailure>> {
  const { headers } = request;
  const { scheme } = source.verify;
  const format = acceptedFormat(scheme, headers);
  if (!format.ok) return format;
  const body = await readBody(request, bodyBoundsOf(source, headers).maxBytes, large);
  if (!body.ok) return body;
  await large?.finish(body.value);
  sighting.bodyBytes = body.value.length;

  const nowMs = access.nowMs();
  const proof = await prove(access, source, request, body.value, format.value, nowMs, sighting);
  if (!proof.ok) return proof;
  const parsed = parseBody(body.value, format.value);
  if (!parsed.ok) return err({ kind: "malformed_body", reason: parsed.error });
  const told = withoutSecret(scheme, parsed.value, proof.value.provenTexts);
  const { payload } = told;
  const factSource: FactSource = { headers, payload, signedId: proof.value.id };
  const stale = bodyTimeFault(scheme, factSource, nowMs);
  if (stale !== null) return err(stale);

  if (scheme.handshake !== undefined) {
    const context = await handshakeContext(source.verify, access, nowMs);
    const answer = await answerSigned(scheme.handshake, { headers, payload }, context);
    if (!answer.ok) return err({ kind: answer.error });
    if (answer.value !== null) return ok({ kind: "handshake", answer: answer.value });
  }
  const common: Common = {
    keptHeaders: keptHeaders(scheme, headers, versionHeaders),
    identity: scheme.onRepeat === "refuse" ? `signed-sha256:${await sha256Hex(body.value)}` : null,
    signedDigest: scheme.onRepeat === "flag" ? await sha256Hex(body.value) : null,
    receivedAtMs: nowMs,
    origin: originOf(request),
    nearest: nearestOf(request),
    traceparent,
  };
  const receipt = needsReceipt(scheme) ? { receiptId: newReceiptId(access) } : {};
  return toEvents(scheme, told, { ...factSource, ...receipt }, common);
}

/**
 * Where a body carries the secret itself, it goes on without: nothing that is stored may hold one. Items that carry
 * another are nobody's word, and go no further.
 */
function withoutSecret(
  scheme: SignatureScheme,
  parsed: ParsedBody,
  provenTexts: ReadonlySet<string> | undefined,
): ParsedBody {
  if (scheme.algorithm !== "shared-secret" || scheme.layout.layout !== "body") return parsed;
  const { path } = scheme.layout;
  const isProven = (value: JsonValue | undefined) =>
    typeof value === "string" && provenTexts?.has(value) === true;
  const text = rewriteJson(parsed.text, (whole) =>
    JSON.stringify(
      withoutValues(provenTexts === undefined ? whole : keepElements(whole, path, isProven), path),
    ),
  );
  return { payload: parseExactJson(text), text, jsonBytes: encodeUtf8(text) };
}

/** The items of a body as JSON texts, their numbers as they were sent. */
function splitExactly(split: SignatureScheme["split"], { text }: ParsedBody) {
  if (split === undefined) return null;
  return rewriteJson(text, (whole) => {
    const items = splitBody(split, whole);
    return (
      items?.map(({ payload, digested }) => ({
        text: JSON.stringify(payload),
        digested: JSON.stringify(digested),
      })) ?? null
    );
  });
}

const RECEIPT_BYTES = 16;

function newReceiptId({ randomBytes }: Access): string {
  return `receipt:${encodeHex(randomBytes(RECEIPT_BYTES))}`;
}

type Common = Pick<
  VerifiedRequest,
  "keptHeaders" | "identity" | "signedDigest" | "receivedAtMs" | "origin" | "nearest" | "traceparent"
>;

async function toEvents(
  scheme: SignatureScheme,
  parsed: ParsedBody,
  source: FactSource,
  common: Common,
): Promise<Result<Opened, IngestFailure>> {
  const factsOf = async (
    from: SignatureScheme,
    factSource: FactSource,
    digested: Uint8Array<ArrayBuffer>,
  ) => {
    const bodyDigest = needsBodyDigest(from) ? `body-sha256:${await sha256Hex(digested)}` : null;
    return readSchemeFacts(from, { ...factSource, bodyDigest });
  };
  const items = splitExactly(scheme.split, parsed);
  if (items === null) {
    const facts = needsBodyDigest(scheme)
      ? await factsOf(scheme, source, parsed.jsonBytes)
      : readSchemeFacts(scheme, source);
    return ok({ kind: "events", events: [{ ...parsed, text: keptText(parsed), ...common, facts }] });
  }
  const maxEvents = LIMITS.ingest.maxEventsPerBody;
  if (items.length > maxEvents) return err({ kind: "too_many_events", maxEvents });
  // A header names the delivery, which its items have in common.
  const dedupeKey = scheme.dedupeKey.filter(({ from }) => from !== "header");
  const itemScheme = { ...scheme, dedupeKey };
  const events: VerifiedRequest[] = [];
  for (const [at, { text, digested }] of items.entries()) {
    const payload = parseExactJson(text);
    // Two items of one body never share a receipt.
    const receipt = source.receiptId === undefined ? {} : { receiptId: `${source.receiptId}:${at}` };
    const itemSource = { ...source, payload, ...receipt };
    const facts = await factsOf(itemScheme, itemSource, encodeUtf8(digested));
    // A body's digest tells bodies apart, not the items inside one.
    const jsonBytes = encodeUtf8(text);
    events.push({
      payload,
      text: keptText({ text, jsonBytes }),
      jsonBytes,
      ...common,
      identity: null,
      signedDigest: null,
      facts,
    });
  }
  return ok({ kind: "events", events });
}

/** A text too large for a message is not needed again: its bytes go to R2. */
function keptText({ text, jsonBytes }: Pick<ParsedBody, "text" | "jsonBytes">): string | null {
  return mayBeInline(jsonBytes) ? text : null;
}

/** Of a signed time that stands in the body, which only now is known to be the sender's. */
function bodyTimeFault(scheme: SignatureScheme, source: FactSource, nowMs: number): IngestFailure | null {
  if (scheme.timestamp?.in !== "body") return null;
  const timestampMs = readBodyTimestamp(scheme.timestamp, source);
  if (timestampMs === null) return { kind: "unauthorized", reason: "timestamp_missing" };
  const stale = freshnessFault(scheme, timestampMs, nowMs);
  return stale === null ? null : { kind: "unauthorized", reason: stale };
}

async function prove(
  access: Access,
  source: ReadySource["source"],
  request: Request,
  body: Uint8Array<ArrayBuffer>,
  format: BodyFormat,
  nowMs: number,
  sighting: Sighting,
): Promise<Result<VerifiedFacts, IngestFailure>> {
  const { verify: verification } = source;
  const { values: secrets, unset: unsetSecrets } = await activeSecrets(verification, access, nowMs);
  sighting.unusableSecrets = unsetSecrets;
  let payload: JsonValue = null;
  if (verification.scheme.layout.layout === "body") {
    const parsed = parseBody(body, format);
    if (!parsed.ok) return err({ kind: "unauthorized", reason: "body_not_json" });
    ({ payload } = parsed.value);
  }
  const { method, url, headers } = request;
  const fetcher = access.fetch ?? fetch;
  const { keyClientId: clientBinding } = verification;
  const [keyClientId] = clientBinding === undefined ? [] : await valuesOf([clientBinding], access.secret);
  const fetchCertificate = certificateFetcher(fetcher);
  const input = { verification, secrets, headers, method, url, body, nowMs, payload, fetchCertificate };
  const verified = await verifyRequest({ ...input, fetch: fetcher, keyClientId });
  if (verified.ok) {
    sighting.unusableSecrets += verified.value.malformedSecrets;
    return verified;
  }
  if (verified.error.kind === "misconfigured") {
    return err({ kind: "source_not_configured", reason: verified.error.reason });
  }
  // While a named secret is not set, it may be the very one that was used: the sender should come back.
  if (unsetSecrets > 0 && verified.error.reason === "signature_mismatch") {
    return err({ kind: "source_not_configured", reason: "secret_missing" });
  }
  return err({ kind: "unauthorized", reason: verified.error.reason });
}
