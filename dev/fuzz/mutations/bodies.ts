/** Bodies: changed under a signature that is left as it was, and hostile ones that are properly signed. */
import { utf8, type Bytes } from "../../senders/webcrypto.ts";
import { one, type Made, type Mutation } from "../mutation.ts";
import type { Workshop } from "../workshop.ts";

export const BODIES: readonly Mutation[] = [
  { kind: "body: one bit", make: tampered(oneBit) },
  {
    kind: "body: a byte less",
    make: tampered(({ random }, body) => without(body, random.integer(0, body.length - 1))),
  },
  { kind: "body: a blank more", make: tampered((_, body) => concat(body, utf8(" "))) },
  { kind: "body: a NUL more", make: tampered((_, body) => concat(body, Uint8Array.from([0]))) },
  { kind: "body: a byte order mark more", make: tampered((_, body) => concat(BYTE_ORDER_MARK, body)) },
  {
    kind: "body: cut",
    make: tampered(({ random }, body) => body.slice(0, random.integer(0, body.length - 1))),
  },
  { kind: "body: none", make: tampered(() => new Uint8Array(0)) },
  {
    kind: "body: another member",
    make: tampered((_, body) => utf8(new TextDecoder().decode(body).replace("{", '{"type":"refund",'))),
  },
  { kind: "body: twice", make: tampered((_, body) => concat(body, body)) },
  { kind: "signed: one bit", make: hostile(oneBit) },
  { kind: "signed: a byte order mark", make: hostile((_, body) => concat(BYTE_ORDER_MARK, body)) },
  { kind: "signed: not UTF-8", make: hostile((_, body) => concat(body, Uint8Array.from([0xff, 0xfe]))) },
  { kind: "signed: an overlong NUL", make: hostile((_, body) => inString(body, [0xc0, 0x80])) },
  { kind: "signed: a lone surrogate", make: hostile((_, body) => inString(body, [0xed, 0xa0, 0x80])) },
  { kind: "signed: UTF-16", make: hostile((_, body) => concat(Uint8Array.from([0xff, 0xfe]), spread(body))) },
  { kind: "signed: a NUL in a string", make: hostile((_, body) => inString(body, [0])) },
  {
    kind: "signed: cut",
    make: hostile(({ random }, body) => body.slice(0, random.integer(1, body.length - 1))),
  },
  { kind: "signed: empty", make: hostile(() => new Uint8Array(0)) },
  { kind: "signed: deep", make: hostile(({ random }) => utf8("[".repeat(random.integer(60, 20_000)))) },
  { kind: "signed: deep objects", make: hostile(({ random }) => nested(random.integer(60, 2_000))) },
  {
    kind: "signed: as many elements as fit",
    make: hostile(({ random }) => utf8(`[${"0,".repeat(random.integer(1_000, 240_000))}0]`)),
  },
  { kind: "signed: many keys", make: hostile(({ random }) => manyKeys(random.integer(100, 20_000))) },
  {
    kind: "signed: over the cap",
    make: hostile(({ random }) => utf8(`"${"a".repeat(1_048_577 + random.integer(0, 99))}"`)),
  },
  {
    kind: "signed: a number without end",
    make: hostile(({ random }) => utf8(`{"n":${"9".repeat(random.integer(400, 60_000))}}`)),
  },
  {
    kind: "signed: a key twice",
    make: hostile((_, body) =>
      utf8(new TextDecoder().decode(body).replace("{", '{"id":"a","id":{"id":[]},')),
    ),
  },
  {
    kind: "signed: prototype keys",
    make: hostile(() => utf8('{"__proto__":{"id":"x","type":"y"},"constructor":{"name":"z"}}')),
  },
  { kind: "signed: another kind of value", make: hostile(({ random }) => utf8(random.pick(OTHER_VALUES))) },
  { kind: "signed: facts of another kind", make: hostile(otherKinds) },
  { kind: "signed: long facts", make: hostile(longFacts) },
  {
    kind: "body: the connection ends before it does",
    make: async (workshop) => one("refuse", { ...(await workshop.signed()), isCutShort: true }),
  },
];

const BYTE_ORDER_MARK = Uint8Array.from([0xef, 0xbb, 0xbf]);
const OTHER_VALUES = [
  "null",
  "true",
  "0",
  '""',
  "[]",
  "{}",
  "[[]]",
  "[null]",
  '[{"id":null}]',
  "1e999",
  "-",
  "nul",
] as const;

type Change = (workshop: Workshop, body: Bytes) => Bytes;

function tampered(change: Change) {
  return async (workshop: Workshop): Promise<Made> => {
    const request = await workshop.signed();
    return one("either", { ...request, body: change(workshop, request.body) });
  };
}

function hostile(change: Change) {
  return async (workshop: Workshop): Promise<Made> => {
    const request = await workshop.signed();
    return one("either", await workshop.resigned(request, change(workshop, request.body)));
  };
}

function oneBit({ random }: Workshop, body: Bytes): Bytes {
  const changed = body.slice();
  const at = random.integer(0, changed.length - 1);
  changed[at] = (changed[at] ?? 0) ^ (1 << random.integer(0, 7));
  return changed;
}

function without(body: Bytes, at: number): Bytes {
  return concat(body.slice(0, at), body.slice(at + 1));
}

function concat(...parts: readonly Bytes[]): Bytes {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

/** Behind the first quote. */
function inString(body: Bytes, bytes: readonly number[]): Bytes {
  const at = body.indexOf(0x22) + 1;
  return Uint8Array.from([...body.slice(0, at), ...bytes, ...body.slice(at)]);
}

function spread(body: Bytes): Bytes {
  return Uint8Array.from([...body].flatMap((byte) => [byte, 0]));
}

function nested(depth: number): Bytes {
  return utf8(`${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`);
}

function manyKeys(count: number): Bytes {
  return utf8(`{${Array.from({ length: count }, (_, n) => `"k${n}":0`).join(",")}}`);
}

/** Every text and number of the sample becomes something else. */
function otherKinds({ random }: Workshop, body: Bytes): Bytes {
  const kinds = [
    "null",
    "[]",
    "{}",
    "-1",
    "1e400",
    '""',
    "true",
    '"\\ud800"',
    '"9999-99-99T99:99:99Z"',
  ] as const;
  return utf8(
    new TextDecoder()
      .decode(body)
      .replaceAll(/:(?:"[^"]*"|\d+)/g, (whole) =>
        random.integer(0, 1) === 0 ? whole : `:${random.pick(kinds)}`,
      ),
  );
}

function longFacts({ random }: Workshop, body: Bytes): Bytes {
  const long = random.token(8).repeat(random.integer(40, 2_000));
  return utf8(
    new TextDecoder()
      .decode(body)
      .replaceAll(/:"([^"]*)"/g, (whole) => (random.integer(0, 2) === 0 ? `:"${long}"` : whole)),
  );
}
