import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeJsonText } from "../../src/core/json-text.ts";

const encode = (text: string) => new TextEncoder().encode(text);
const isLatin1 = (text: string) => !/[\u0100-\uffff]/.test(text);
/** Longer than what is decoded in one step. */
const FILLER = "x".repeat(70_000);

describe("the text of a large JSON body", () => {
  it("means what it meant, wherever it is cut", () => {
    const letters = fc.constantFrom("x", "é", "Ж", "漢", "😀", "\\", '"', "\n", "\ud800");
    const value = fc.record({ before: fc.nat(20), words: fc.array(fc.array(letters), { maxLength: 20 }) });
    fc.assert(
      fc.property(value, ({ before, words }) => {
        // Moves the place where two pieces meet through what follows.
        const filler = "x".repeat(65_536 - 20 + before);
        const json = JSON.stringify([filler, ...words.map((word) => word.join("")), FILLER]);
        expect(JSON.parse(decodeJsonText(encode(json)))).toEqual(JSON.parse(json));
      }),
    );
  });

  it("takes one byte a character where few letters are beyond Latin-1, also behind a backslash", () => {
    const json = JSON.stringify({ text: `${FILLER}😀`, path: "C:\\漢字", ключ: "é" });
    const text = decodeJsonText(encode(json));
    expect(isLatin1(text)).toBe(true);
    expect(JSON.parse(text)).toEqual(JSON.parse(json));
  });

  it("stays as it is where many are, and where it is short", () => {
    for (const json of [JSON.stringify("漢字".repeat(40_000)), JSON.stringify(`${"x".repeat(1_000)}漢`)]) {
      expect(decodeJsonText(encode(json))).toBe(json);
    }
  });

  it("that is no JSON does not become some", () => {
    const broken = [`["${FILLER}\\漢"]`, `["${FILLER}",漢]`, `{"${FILLER}":1,漢:2}`, `["${FILLER}"]漢`];
    for (const text of broken) expect(() => JSON.parse(decodeJsonText(encode(text)))).toThrow(SyntaxError);
  });

  it("must be UTF-8, also where it is cut", () => {
    const cut = encode(`["${FILLER}漢"]`).subarray(0, -3);
    expect(() => decodeJsonText(cut)).toThrow(TypeError);
    const wrong = encode(`["${FILLER}漢"]`);
    wrong[65_536] = 0xff;
    expect(() => decodeJsonText(wrong)).toThrow(TypeError);
  });

  it("loses its byte order mark, as a short one does", () => {
    expect(decodeJsonText(encode(`\ufeff"${FILLER}漢"`))[0]).toBe('"');
  });
});
