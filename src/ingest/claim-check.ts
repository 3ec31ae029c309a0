/**
 * The claim check: a body too large for a queue message goes to R2 first, write-once, and the envelope carries
 * its key. Such events cost two durable writes; small ones are not even measured.
 */
import { KIB, LIMITS } from "../config/limits.ts";
import type { EventEnvelope } from "../core/envelope.ts";
import type { PutBody } from "../platform/stored-bodies.ts";
import { encodeUtf8, sha256Hex } from "./encodings.ts";

/** What an envelope holds beside its body stays well below this: headers, keys and texts are bounded. */
const ENVELOPE_ALLOWANCE_BYTES = 16 * KIB;

/** JSON inside JSON at most doubles: all it escapes are quotes, backslashes and line ends. */
const ALWAYS_FITS_BYTES = Math.floor((LIMITS.ingest.maxMessageBytes - ENVELOPE_ALLOWANCE_BYTES) / 2);

/**
 * @param jsonBytes the UTF-8 of the text that all these envelopes carry inline
 * @returns the envelopes as they may be sent
 * @throws what `putBody` throws: without the body the events are not durable
 */
export async function storeLargeBodies(
  envelopes: readonly EventEnvelope[],
  jsonBytes: Uint8Array<ArrayBuffer>,
  putBody: PutBody,
): Promise<readonly EventEnvelope[]> {
  if (jsonBytes.length <= ALWAYS_FITS_BYTES) return envelopes;
  let sha256 = "";
  const sendable: EventEnvelope[] = [];
  for (const envelope of envelopes) {
    if (fitsMessage(envelope, jsonBytes.length)) {
      sendable.push(envelope);
      continue;
    }
    sha256 ||= await sha256Hex(jsonBytes);
    const key = `bodies/${envelope.id}/${sha256}`;
    await putBody(key, jsonBytes, sha256);
    sendable.push({ ...envelope, body: { kind: "stored", key, sha256, sizeBytes: jsonBytes.length } });
  }
  return sendable;
}

/** Measures only what is near the limit: encoding a body of many megabytes would double it in memory. */
function fitsMessage(envelope: EventEnvelope, bodyBytes: number): boolean {
  if (bodyBytes > LIMITS.ingest.maxMessageBytes) return false;
  return encodeUtf8(JSON.stringify(envelope)).length <= LIMITS.ingest.maxMessageBytes;
}
