import { isDeepStrictEqual } from "node:util";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalJson } from "../../src/core/canonical-json.ts";
import { isJsonObject, type JsonValue } from "../../src/core/json.ts";

/** Objects rebuilt with their keys in another order. */
function reordered(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map((item: JsonValue) => reordered(item));
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .map(([key, item]) => [key, reordered(item)] as const)
      .toReversed(),
  );
}

const json = fc.jsonValue({ maxDepth: 4 }) as fc.Arbitrary<JsonValue>; // what fc.jsonValue makes is JSON
const asciiJson = fc.jsonValue({ maxDepth: 4, stringUnit: "grapheme-ascii" }) as fc.Arbitrary<JsonValue>;

describe("canonical JSON", () => {
  it("does not depend on the order of keys", () => {
    fc.assert(
      fc.property(json, (value) => {
        expect(canonicalJson(reordered(value))).toBe(canonicalJson(value));
      }),
    );
  });

  it("keeps the meaning: reading it gives the same value", () => {
    fc.assert(
      fc.property(asciiJson, (value) => {
        const expected: unknown = JSON.parse(JSON.stringify(value));
        expect(JSON.parse(canonicalJson(value))).toEqual(expected);
      }),
    );
  });

  it("is the same text for exactly the same meaning", () => {
    const scalar = fc.constantFrom<JsonValue>(0, 1, "0", "", null, true);
    const list = fc.array(scalar, { maxLength: 2 });
    const object = fc.dictionary(fc.constantFrom("a", "b"), fc.oneof(scalar, list), { maxKeys: 2 });
    const small = fc.oneof(scalar, list, object);
    fc.assert(
      fc.property(small, small, (left, right) => {
        const sameText = canonicalJson(left) === canonicalJson(right);
        // fast-check's objects may have no prototype, which is no difference in JSON.
        const plain = [left, right].map((value) => JSON.parse(JSON.stringify(value)) as JsonValue);
        expect(sameText).toBe(isDeepStrictEqual(plain[0], plain[1]));
      }),
      { numRuns: 1_000 },
    );
  });

  it("takes composed and decomposed letters for the same, in values and in keys", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(canonicalJson({ [text.normalize("NFD")]: text.normalize("NFD") })).toBe(
          canonicalJson({ [text.normalize("NFC")]: text.normalize("NFC") }),
        );
      }),
    );
  });

  it("takes every way of writing a number for the same, and minus zero for zero", () => {
    const read = (text: string) => canonicalJson(JSON.parse(text) as JsonValue);
    for (const text of ["1", "1.0", "1e0", "10e-1", "0.1e1"]) expect(read(text)).toBe("1");
    expect(read("-0")).toBe("0");
    expect(read("1e21")).toBe("1e+21");
  });

  it("keeps near misses apart", () => {
    const pairs: readonly (readonly [JsonValue, JsonValue])[] = [
      [1, "1"],
      [null, "null"],
      [Number.NaN, null],
      [Number.NaN, "NaN"],
      [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
      [
        [1, 2],
        [2, 1],
      ],
      [["a,b"], ["a", "b"]],
      [{ a: null }, {}],
      [{ a: 1 }, [["a", 1]]],
      ["a", "a "],
      ["A", "a"],
      ["\u00E9", "e"],
      ["\uD800", "\uFFFD"],
      [[], {}],
      [{ a: { b: 1 } }, { a: "{b:1}" }],
    ];
    for (const [left, right] of pairs) expect(canonicalJson(left)).not.toBe(canonicalJson(right));
  });

  it("keeps keys that are equal only after normalisation, in one order", () => {
    const first = { "\u00E9": 1, "e\u0301": 2 };
    const second = { "e\u0301": 2, "\u00E9": 1 };
    expect(canonicalJson(first)).toBe(canonicalJson(second));
    expect(canonicalJson(first)).not.toBe(canonicalJson({ "\u00E9": 2, "e\u0301": 1 }));
  });
});
