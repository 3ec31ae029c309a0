/** What a mutation works with: one sender, its secrets, chance that can be repeated, and requests as it sends them. */
import type { JsonValue } from "../../src/core/json.ts";
import type { SeededRandom } from "../lib/random.ts";
import { signSampleOf, type SenderSigner } from "../senders/signer.ts";
import { toBase64, toHex, utf8, type Bytes } from "../senders/webcrypto.ts";
import type { Keyring } from "./keyring.ts";
import { signatureOf } from "./oracle.ts";
import { withHeader, type FuzzRequest } from "./request.ts";

export interface SampleOptions {
  readonly id?: string;
  readonly atMs?: number;
  readonly body?: string;
  readonly secret?: string;
  readonly query?: string;
}

export interface Workshop {
  readonly sender: SenderSigner;
  readonly random: SeededRandom;
  readonly keyring: Keyring;
  readonly origin: string;
  readonly nowMs: number;
  /** The event's own id: no other case has it. */
  readonly id: string;
  readonly type: string;
  sample(): JsonValue;
  /** As the sender would send it. */
  signed(options?: SampleOptions): Promise<FuzzRequest>;
  /** The same request with another body, and the signature that the sender would give it. */
  resigned(request: FuzzRequest, body: Bytes): Promise<FuzzRequest>;
}

export function createWorkshop(
  parts: Pick<Workshop, "sender" | "random" | "keyring" | "origin" | "nowMs" | "id">,
): Workshop {
  const { sender, random, keyring, origin, nowMs, id } = parts;
  const type = random.pick(sender.types);
  return {
    ...parts,
    type,
    sample: () => sender.sample({ id, type, atMs: nowMs }),
    async signed(options = {}) {
      const { body, query = "" } = options;
      const path = `/in/${sender.name}${query}`;
      const request = await signSampleOf(sender, {
        id: options.id ?? id,
        type,
        atMs: options.atMs ?? nowMs,
        url: origin + path,
        secret: options.secret ?? keyring.signing(sender.name),
        ...(body === undefined ? {} : { body }),
      });
      return { method: "POST", path, headers: Object.entries(request.headers), body: utf8(request.body) };
    },
    async resigned(request, body) {
      const input = { sender: sender.name, origin, nowMs, keyring };
      const before = await signatureOf({ ...input, request });
      const changed = { ...request, body };
      const after = await signatureOf({ ...input, request: changed });
      if (before === null || after === null || typeof sender.signature !== "string") return changed;
      const header = request.headers.find(([name]) => name === sender.signature)?.[1] ?? "";
      const respelled = header
        .replace(toHex(before), toHex(after))
        .replace(toBase64(before), toBase64(after));
      return withHeader(changed, sender.signature, respelled);
    },
  };
}
