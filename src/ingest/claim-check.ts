/**
 * The claim check: a body too large for a queue message goes to R2 first, write-once, and the envelope carries
 * its key. Such events cost two durable writes; small ones are not even measured.
 */
import { KIB, LIMITS } from "../config/limits.ts";
import type { EventEnvelope } from "../core/envelope.ts";
import type { EventId } from "../core/ids.ts";
import type { PutBody } from "../platform/stored-bodies.ts";
import { encodeUtf8, sha256Hex } from "./encodings.ts";

/** What an envelope holds beside its body stays well below this: headers, keys and texts are bounded. */
const ENVELOPE_ALLOWANCE_BYTES = 16 * KIB;

/** JSON inside JSON at most doubles: all it escapes are quotes, backslashes and line ends. */
const ALWAYS_FITS_BYTES = Math.floor((LIMITS.ingest.maxMessageBytes - ENVELOPE_ALLOWANCE_BYTES) / 2);

/**
 * @param jsonBytes the UTF-8 of what all these envelopes carry, or name as stored
 * @returns the envelopes as they may be sent
 * @throws what `putBody` throws: without the body the events are not durable
 */
export async function storeLargeBodies(
  envelopes: readonly EventEnvelope[],
  jsonBytes: Uint8Array<ArrayBuffer>,
  putBody: PutBody,
): Promise<readonly EventEnvelope[]> {
  if (jsonBytes.length <= ALWAYS_FITS_BYTES) return envelopes;
  const sendable: EventEnvelope[] = [];
  for (const envelope of envelopes) {
    if (envelope.body.kind === "inline" && fitsMessage(envelope)) {
      sendable.push(envelope);
      continue;
    }
    const body = await storedBody(envelope.id, jsonBytes);
    await putBody(body.key, jsonBytes, body.sha256);
    sendable.push({ ...envelope, body });
  }
  return sendable;
}

/** How an envelope names a body that lies in R2, or will. */
export async function storedBody(id: EventId, jsonBytes: Uint8Array<ArrayBuffer>) {
  const sha256 = await sha256Hex(jsonBytes);
  const key = `bodies/${id}/${sha256}`;
  return { kind: "stored", key, sha256, sizeBytes: jsonBytes.length } as const;
}

/** Whether a body's text may be carried inline at all: the text of one that may not is not kept. */
export function mayBeInline(jsonBytes: Uint8Array): boolean {
  return jsonBytes.length <= LIMITS.ingest.maxMessageBytes;
}

function fitsMessage(envelope: EventEnvelope): boolean {
  return encodeUtf8(JSON.stringify(envelope)).length <= LIMITS.ingest.maxMessageBytes;
}
