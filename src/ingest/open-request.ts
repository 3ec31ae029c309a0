/**
 * From an HTTP request to a verified one: media type, body under its cap, signature over the raw bytes, and only
 * then parsing and facts. Nothing that was not proven is looked into, and nothing here is durable.
 */
import { LIMITS } from "../config/limits.ts";
import type { EventEnvelope } from "../core/envelope.ts";
import { err, ok, type Result } from "../core/result.ts";
import { keptHeaders, readBodyTimestamp, readSchemeFacts, type FactSource } from "./facts.ts";
import type { IngestFailure } from "./failure.ts";
import type { VerifiedRequest } from "./make-envelope.ts";
import { bodyFormatOf, parseBody } from "./parse-body.ts";
import type { IngestDependencies } from "./ports.ts";
import { readBody } from "../platform/read-body.ts";
import type { ReadySource } from "./routes.ts";
import { freshnessFault, verifyRequest, type VerifiedFacts } from "./verify.ts";

/** What a request has shown of itself so far: for its log line, whatever becomes of it. */
export interface Sighting {
  bodyBytes: number;
  /** Named secrets that are not set or do not decode. */
  unusableSecrets: number;
}

type Access = Pick<IngestDependencies, "secret" | "nowMs">;

export async function openRequest(
  access: Access,
  { source }: ReadySource,
  request: Request,
  traceparent: string,
  sighting: Sighting,
): Promise<Result<VerifiedRequest, IngestFailure>> {
  const { headers } = request;
  const { scheme } = source.verify;
  const format = bodyFormatOf(headers);
  if (!format.ok) return err({ kind: "unsupported_media_type", reason: format.error });
  const wantedBytes = source.maxBodyBytes ?? LIMITS.ingest.defaultBodyBytes;
  const body = await readBody(request, Math.min(wantedBytes, LIMITS.ingest.maxBodyBytes));
  if (!body.ok) return body;
  sighting.bodyBytes = body.value.length;

  const nowMs = access.nowMs();
  const proof = await prove(access, source, request, body.value, nowMs, sighting);
  if (!proof.ok) return proof;
  const parsed = parseBody(body.value, format.value);
  if (!parsed.ok) return err({ kind: "malformed_body", reason: parsed.error });
  const factSource: FactSource = { headers, payload: parsed.value.payload, signedId: proof.value.id };
  if (scheme.timestamp?.in === "body") {
    const timestampMs = readBodyTimestamp(scheme.timestamp, factSource);
    if (timestampMs === null) return err({ kind: "unauthorized", reason: "timestamp_missing" });
    const stale = freshnessFault(scheme, timestampMs, nowMs);
    if (stale !== null) return err({ kind: "unauthorized", reason: stale });
  }
  return ok({
    ...parsed.value,
    facts: readSchemeFacts(scheme, factSource),
    keptHeaders: keptHeaders(scheme, headers),
    receivedAtMs: nowMs,
    origin: originOf(request),
    traceparent,
  });
}

async function prove(
  access: Access,
  source: ReadySource["source"],
  request: Request,
  body: Uint8Array<ArrayBuffer>,
  nowMs: number,
  sighting: Sighting,
): Promise<Result<VerifiedFacts, IngestFailure>> {
  const named = source.verify.secrets;
  const secrets = named.map((name) => access.secret(name) ?? "").filter((value) => value !== "");
  const unsetSecrets = named.length - secrets.length;
  sighting.unusableSecrets = unsetSecrets;
  const { method, url, headers } = request;
  const { verify: verification } = source;
  const verified = await verifyRequest({ verification, secrets, headers, method, url, body, nowMs });
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

/** Placeholders where the platform does not say. */
function originOf(request: Request): EventEnvelope["origin"] {
  const colo: unknown = request.cf?.["colo"];
  const continent: unknown = request.cf?.["continent"];
  return {
    colo: typeof colo === "string" ? colo : "unknown",
    continent: typeof continent === "string" ? continent : "unknown",
  };
}
