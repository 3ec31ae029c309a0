/** Signatures and signed facts that are almost right. */
import { isJsonObject } from "../../../src/core/json.ts";
import { SIGNERS } from "../../senders/signers.ts";
import { toBase64, toHex, utf8 } from "../../senders/webcrypto.ts";
import { one, type Made, type Mutation } from "../mutation.ts";
import { headerBytes, headerOf, withExtraHeader, withHeader, type FuzzRequest } from "../request.ts";
import type { Workshop } from "../workshop.ts";

export const SIGNATURES: readonly Mutation[] = [
  { kind: "signature: one bit", make: respelling("either", flipped) },
  {
    kind: "signature: its end",
    make: respelling("refuse", (text) => exchanged(text, /[0-9a-zA-Z](?=.?[^0-9a-zA-Z]*$)/)),
  },
  {
    kind: "signature: its beginning",
    make: respelling("either", (text) => exchanged(text, /[0-9a-zA-Z](?=[0-9a-zA-Z+/]{9,}[^,;]*$)/)),
  },
  { kind: "signature: one character less", make: respelling("refuse", (text) => text.slice(0, -1)) },
  { kind: "signature: one character more", make: respelling("refuse", (text) => `${text}A`) },
  { kind: "signature: empty", make: respelling("refuse", () => "") },
  { kind: "signature: cut anywhere", make: respelling("either", cut) },
  { kind: "signature: upper case", make: respelling("either", (text) => text.toUpperCase()) },
  { kind: "signature: twice in one header", make: respelling("either", (text) => `${text}, ${text}`) },
  { kind: "signature: surrounded", make: respelling("either", (text) => `'${text}'`) },
  { kind: "signature: look-alike characters", make: respelling("refuse", confused) },
  { kind: "signature: percent-encoded", make: respelling("refuse", percentEncoded) },
  { kind: "signature: many", make: respelling("either", (text) => [text, text].join(",").repeat(30)) },
  { kind: "signature: a list of things", make: respelling("either", listed) },
  { kind: "signature: zeros", make: respelling("refuse", (text) => text.replaceAll(/[0-9a-zA-Z]/g, "0")) },
  {
    kind: "signature: removed",
    make: async (workshop) => {
      const request = await workshop.signed();
      const { signature } = workshop.sender;
      if (typeof signature === "string") return one("refuse", withHeader(request, signature, null));
      return one("refuse", {
        ...request,
        body: utf8(text(request).replace(/"(signature|Signature|clientState)"/g, '"x"')),
      });
    },
  },
  {
    kind: "signature: the header twice",
    make: async (workshop) => {
      const request = await workshop.signed();
      const { signature } = workshop.sender;
      if (typeof signature !== "string") return one("accept", request);
      // Where a header holds a list, the right one is in it all the same.
      return one("either", withExtraHeader(request, signature, headerOf(request, signature) ?? ""));
    },
  },
  {
    kind: "signature: of another body",
    make: async (workshop) => {
      const request = await workshop.signed();
      const other = await workshop.signed({ id: `${workshop.id}-other`, query: "?other=1" });
      const { signature, bodyUnsigned = false } = workshop.sender;
      if (typeof signature !== "string" || bodyUnsigned) return one("either", request);
      // Some senders' bodies do not hold the id: then it is the very same signature.
      return one("either", withHeader(request, signature, headerOf(other, signature)));
    },
  },
  {
    kind: "signature: under another secret",
    make: async (workshop) => {
      const secret = workshop.keyring.stranger(workshop.sender.name);
      if (workshop.sender.key === "certificate") return one("refuse", await foreignTopic(workshop));
      return one("refuse", await workshop.signed({ secret }));
    },
  },
  {
    kind: "signature: under the secret of another sender",
    make: async (workshop) => {
      const strangers = [...SIGNERS.values()].filter(
        ({ key, name }) => key === undefined && name !== workshop.sender.name,
      );
      const stranger = strangers[workshop.random.integer(0, strangers.length - 1)];
      if (workshop.sender.key !== undefined || stranger === undefined)
        return one("either", await workshop.signed());
      return one("refuse", await workshop.signed({ secret: workshop.keyring.signing(stranger.name) }));
    },
  },
  {
    kind: "signature: every header of another sender",
    make: async (workshop) => {
      const strangers = [...SIGNERS.values()].filter(({ name }) => name !== workshop.sender.name);
      const stranger = strangers[workshop.random.integer(0, strangers.length - 1)];
      if (stranger === undefined) throw new Error("there are other senders");
      const request = await workshop.signed();
      const body = text(request);
      const secret = workshop.keyring.signing(stranger.name);
      const facts = { id: workshop.id, type: stranger.types[0], atMs: workshop.nowMs, url: "", secret, body };
      const signed = await stranger.sign(facts).catch(() => ({ headers: {} }));
      return one("either", {
        ...request,
        headers: [["content-type", "application/json"], ...Object.entries(signed.headers)],
      });
    },
  },
  { kind: "time: one bit", make: retiming(flipped) },
  { kind: "time: in words", make: retiming(() => "now") },
  { kind: "time: with a fraction", make: retiming((time) => `${time}.5`) },
  { kind: "time: padded", make: retiming((time) => `000${time}`) },
  { kind: "time: a sign", make: retiming((time) => `+${time}`) },
  { kind: "time: hexadecimal", make: retiming((time) => `0x${Number(time).toString(16)}`) },
  { kind: "time: other digits", make: retiming(otherDigits) },
  { kind: "time: huge", make: retiming(() => "9".repeat(400)) },
  { kind: "time: empty", make: retiming(() => "") },
  { kind: "time: stale", make: atAnotherTime(-1) },
  { kind: "time: in the future", make: atAnotherTime(1) },
];

function respelling(expected: Made["expected"], change: (signature: string, workshop: Workshop) => string) {
  return async (workshop: Workshop): Promise<Made> => {
    const request = await workshop.signed();
    const changed = withSignature(workshop, request, (signature) => change(signature, workshop));
    return one(isSame(request, changed) ? "either" : expected, changed);
  };
}

/** Wherever it stands. */
function withSignature(
  workshop: Workshop,
  request: FuzzRequest,
  change: (text: string) => string,
): FuzzRequest {
  const { signature } = workshop.sender;
  if (typeof signature === "string") {
    return withHeader(request, signature, change(headerOf(request, signature) ?? ""));
  }
  const name = signature.body.split(".").at(-1) ?? "";
  const found = new RegExp(`"${name}":"([^"]*)"`).exec(text(request))?.[1] ?? "";
  // In a body it is text, not header bytes.
  const changed = new TextDecoder().decode(
    Uint8Array.from(change(found), (character) => character.charCodeAt(0)),
  );
  return {
    ...request,
    body: utf8(text(request).replace(`"${name}":"${found}"`, () => `"${name}":${JSON.stringify(changed)}`)),
  };
}

function retiming(change: (time: string, workshop: Workshop) => string) {
  return async (workshop: Workshop): Promise<Made> => {
    const request = await workshop.signed();
    const { sender } = workshop;
    const header = sender.signedHeaders?.find((name) => name.includes("time"));
    if (header !== undefined) {
      const time = headerOf(request, header) ?? "";
      return one("either", withHeader(request, header, change(time, workshop)));
    }
    const signature = typeof sender.signature === "string" ? headerOf(request, sender.signature) : null;
    const time = /^(ts?=)(\d+)/.exec(signature ?? "");
    if (time === null || typeof sender.signature !== "string") return one("accept", request);
    const changed = (signature ?? "").replace(time[0], () => `${time[1]}${change(time[2] ?? "", workshop)}`);
    return one("either", withHeader(request, sender.signature, changed));
  };
}

/** Properly signed, but days off: refused wherever a time is signed. */
function atAnotherTime(direction: 1 | -1) {
  return async (workshop: Workshop): Promise<Made> => {
    const offsetMs = direction * workshop.random.integer(3_700_000, 400_000_000);
    return one("either", await workshop.signed({ atMs: workshop.nowMs + offsetMs }));
  };
}

async function foreignTopic(workshop: Workshop): Promise<FuzzRequest> {
  const sample = workshop.sample();
  const topic = {
    ...(isJsonObject(sample) ? sample : {}),
    TopicArn: "arn:aws:sns:eu-central-1:1:theirs",
  };
  return workshop.signed({ body: JSON.stringify(topic) });
}

function flipped(value: string, { random }: Workshop): string {
  if (value === "") return "x";
  const at = random.integer(0, value.length - 1);
  const code = value.charCodeAt(at) ^ (1 << random.integer(0, 6));
  // Control characters cannot be sent.
  const character = code < 0x20 || code === 0x7f ? "~" : String.fromCharCode(code);
  return value.slice(0, at) + character + value.slice(at + 1);
}

/** Another character of the same alphabet, hexadecimal digits included. */
function exchanged(value: string, place: RegExp): string {
  return value.replace(place, (character) => (character === "a" ? "b" : "a"));
}

function cut(value: string, { random }: Workshop): string {
  return value.slice(0, random.integer(0, Math.max(0, value.length - 1)));
}

/** Full-width and Cyrillic letters that look, or compare, the same. */
function confused(value: string): string {
  const at = value.search(/[0-9a-f](?=[^0-9a-f]*$)/);
  if (at === -1) return headerBytes(`${value}а`);
  const wide = String.fromCharCode(value.charCodeAt(at) + 0xfee0);
  return value.slice(0, at) + headerBytes(wide) + value.slice(at + 1);
}

function otherDigits(value: string): string {
  return headerBytes(value.replaceAll(/\d/g, (digit) => String.fromCodePoint(0x0660 + Number(digit))));
}

function percentEncoded(value: string): string {
  return value.replace(/[0-9a-zA-Z](?=[^0-9a-zA-Z]*$)/, (last) => `%${last.charCodeAt(0).toString(16)}`);
}

function listed(value: string, { random }: Workshop): string {
  const hex = toHex(utf8(random.token(32)));
  const base64 = toBase64(utf8(random.token(32)));
  return random.pick([
    `v1=${hex},${value}`,
    `${value},v1=${hex}`,
    `v1,${base64} ${value}`,
    `v9,x ${value}`,
    `sha1=${hex} ${value}`,
    `=${value}`,
    `${value};`,
    ` ${value}\t`,
  ]);
}

function text(request: FuzzRequest): string {
  return new TextDecoder().decode(request.body);
}

function isSame(left: FuzzRequest, right: FuzzRequest): boolean {
  return JSON.stringify(left.headers) === JSON.stringify(right.headers) && text(left) === text(right);
}
