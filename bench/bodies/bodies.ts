/** Bodies of several kinds: what they hold alive differs by the letters they are written in, and by how much structure they have. */

const KIB = 1_024;
const MAX_NODES = 190_000;

export interface Kind {
  readonly name: string;
  readonly body: (sizeBytes: number, id: string) => Buffer<ArrayBuffer>;
}

const sizeOf = (text: string) => Buffer.byteLength(text);

/** One string fills the body. */
function oneString(unit: string): Kind["body"] {
  return (sizeBytes, id) => {
    const bare = JSON.stringify({ id, text: "" });
    const count = Math.floor((sizeBytes - bare.length) / sizeOf(unit));
    const text = bare.replace('"text":""', () => `"text":"${unit.repeat(count)}"`);
    return Buffer.from(text.padEnd(text.length + sizeBytes - sizeOf(text)));
  };
}

/** As many items as there is room for, or as the bounds on JSON allow; blanks fill the rest. */
function manyItems(item: (at: number) => string, nodesOfItem: number): Kind["body"] {
  return (sizeBytes, id) => {
    const items: string[] = [];
    let itemBytes = JSON.stringify({ id, items: [] }).length;
    for (let at = 0; at < MAX_NODES / nodesOfItem; at++) {
      const next = item(at);
      itemBytes += sizeOf(next) + 1;
      if (itemBytes > sizeBytes) break;
      items.push(next);
    }
    const text = `{"id":${JSON.stringify(id)},"items":[${items.join(",")}]}`;
    return Buffer.from(text.padEnd(text.length + sizeBytes - sizeOf(text)));
  };
}

/** As a push lists them; the digits of a hash look like a number now and then. */
const commit = (at: number, words: string) => {
  const sha = ((at + 1) * 2_654_435_761).toString(16).padStart(10, "0").repeat(4);
  return JSON.stringify({
    id: sha,
    message: words.repeat(20),
    author: { name: "A B" },
    added: [`src/${at}.ts`],
  });
};

export const ASCII: Kind = { name: "ASCII", body: oneString("x") };

export const KINDS: readonly Kind[] = [
  ASCII,
  {
    name: "ASCII, one emoji in a string of it all",
    body: oneString(`${"x".repeat(KIB)}😀`),
  },
  { name: "Latin-1", body: oneString("garçon ") },
  { name: "Cyrillic", body: oneString("Привет ") },
  { name: "CJK", body: oneString("漢字") },
  { name: "emoji", body: oneString("😀") },
  { name: "a fifth Cyrillic", body: oneString("xxxxЖ") },
  { name: "escaped Cyrillic", body: oneString("\\u0416") },
  {
    name: "commits, ASCII",
    body: manyItems((at) => commit(at, "fixes a thing that was wrong, as it was told. "), 8),
  },
  {
    name: "commits, one emoji in each tenth",
    body: manyItems(
      (at) => commit(at, `${at % 10 === 0 ? "😀" : ""}fixes a thing that was wrong, as told. `),
      8,
    ),
  },
  { name: "commits, Cyrillic", body: manyItems((at) => commit(at, "исправляет то, что было не так. "), 8) },
  { name: "small objects", body: manyItems((at) => `{"key${at}":${at}}`, 2) },
  { name: "small objects, 17 digits each", body: manyItems(() => '{"a":0.12345678901234567}', 2) },
  {
    name: "numbers of 20 digits",
    body: manyItems((at) => `${12_345_678_901_234n * 1_000_000n + BigInt(at)}`, 1),
  },
  { name: "nested", body: manyItems(() => `${'{"a":'.repeat(50)}1${"}".repeat(50)}`, 51) },
];
