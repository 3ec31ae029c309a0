/** The way from a run of an event to its stream's object. */
import { canonicalJson } from "../core/canonical-json.ts";
import type { JsonValue } from "../core/json.ts";
import type { RunKey, RunStreams, StreamRequest } from "./port.ts";
import { STREAM_MESSAGE_VERSION, type StreamStub } from "./stub.ts";

export function createRunStreams(stub: (id: string) => StreamStub): RunStreams {
  return {
    async generate(key, request) {
      const [id, fingerprint] = await Promise.all([streamIdOf(key), fingerprintOf(request)]);
      return stub(id).run({
        v: STREAM_MESSAGE_VERSION,
        id,
        fingerprint,
        request: { ...request, isObserved: true },
      });
    },
  };
}

/** Found again from the event alone: no index. */
export async function streamIdOf({ eventId, run }: RunKey): Promise<string> {
  return `strm_${(await sha256(`run:${eventId}:${run}`)).slice(0, 32)}`;
}

/** Two tries that ask the same share an answer; another prompt, model or parameter is another question. */
function fingerprintOf({ model, options }: StreamRequest): Promise<string> {
  // What JSON.parse returns is JSON.
  return sha256(`${model}:${canonicalJson(JSON.parse(JSON.stringify(options)) as JsonValue)}`);
}

async function sha256(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
