/** Numbers of a payload keep their digits. */
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import {
  MAX_NUMBER_CHARACTERS,
  NumberTooLongError,
  parseExactJson,
  rewriteJson,
} from "../../src/core/exact-json.ts";

describe("a number of a payload", () => {
  it.each([
    ["115310627314723954", "115310627314723954"],
    ["-9007199254740993", "-9007199254740993"],
    ["9007199254740992", "9007199254740992"],
    ["9007199254740991", 9_007_199_254_740_991],
    ["12345678901234567890.5", "12345678901234567890.5"],
    ["0.1234567890123456789", "0.1234567890123456789"],
    // As languages print doubles with 17 digits: the double is that number.
    ["0.10000000000000001", 0.1],
    ["0.1", 0.1],
    ["1.0", 1],
    ["1E2", 100],
    ["-0", -0],
    ["1e400", "1e400"],
    ["1e-400", "1e-400"],
    ["1.50e10", 15_000_000_000],
    ["5e-324", 5e-324],
  ])("written %s is %j to a config's functions", (written, seen) => {
    expect(parseExactJson(`{"n":${written},"more":["9007199254740993",true]}`)).toEqual({
      n: seen,
      more: ["9007199254740993", true],
    });
  });

  it("keeps apart two customers whose ids a double cannot tell apart", () => {
    const of = (id: string) => parseExactJson(`{"id":820982911946154508,"customer":{"id":${id}}}`);
    expect(of("115310627314723954")).not.toEqual(of("115310627314723955"));
  });

  it("is a number again, with its digits, where a body is cut and written again", () => {
    const text =
      '[{"objectId":90071992547409931,"value":1e400},{"objectId":7,"value":[12345678901234567890]}]';
    const items = rewriteJson(text, (value) =>
      Array.isArray(value) ? value.map((item) => JSON.stringify(item)) : [],
    );
    expect(items).toEqual([
      '{"objectId":90071992547409931,"value":1e400}',
      '{"objectId":7,"value":[12345678901234567890]}',
    ]);
  });

  it("is refused when it is longer than any sender means", () => {
    const digits = "9".repeat(MAX_NUMBER_CHARACTERS + 1);
    expect(() => parseExactJson(`[${digits}]`)).toThrow(NumberTooLongError);
    expect(() => parseExactJson("[1,]")).toThrow(SyntaxError);
  });

  it("has the value that was written, whatever stands around it", () => {
    const digits = fc.stringMatching(/^(?:0|[1-9]\d{0,40})$/);
    const number = fc
      .tuple(
        fc.boolean(),
        digits,
        fc.option(fc.stringMatching(/^\d{1,30}$/)),
        fc.option(fc.integer({ min: -400, max: 400 })),
      )
      .map(([isNegative, whole, fraction, power]) =>
        [
          isNegative ? "-" : "",
          whole,
          fraction === null ? "" : `.${fraction}`,
          power === null ? "" : `e${power}`,
        ].join(""),
      );
    fc.assert(
      fc.property(number, fc.jsonValue(), (written, around) => {
        const text = `{"n":${written},"around":${JSON.stringify(around)}}`;
        const { n } = parseExactJson(text) as { n: number | string }; // as it was written
        if (typeof n === "string") expect(n).toBe(written);
        else if (/^-?\d+$/.test(written)) expect(BigInt(n)).toBe(BigInt(written));
        else expect(n).toBe(Number(written));
        const again = rewriteJson(text, (value) => JSON.stringify(value));
        // `1e16` may come back as `10000000000000000`, the same number; the sign of a zero is none.
        const { n: rewritten } = parseExactJson(again) as { n: number | string }; // as above
        if (typeof n === "string") expect(rewritten).toBe(n);
        else expect(Number(rewritten) + 0).toBe(n + 0);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("digits that are no number", () => {
  const hashes = JSON.stringify({
    id: "1234567890123456789012345678901234567890",
    path: 'a"b\\',
    at: [12, -3.5, 1e3],
  });

  it("cost no look at every value", () => {
    const parse = vi.spyOn(JSON, "parse");
    parseExactJson(hashes);
    const reviversGiven = parse.mock.calls.map(([, reviver]) => reviver !== undefined);
    parse.mockRestore();
    expect(reviversGiven).toEqual([false]);
  });

  it("hide no number beside them", () => {
    const token = fc.constantFrom(
      "0",
      "-0",
      "1.50",
      "1e5",
      "1E+25",
      "1e999",
      "115310627314723954",
      "-0.12345678901234567890",
      "9007199254740993",
    );
    const item = fc.oneof(
      token,
      fc.string().map((text) => JSON.stringify(text)),
      fc.constant(JSON.stringify("1".repeat(20))),
    );
    fc.assert(
      fc.property(fc.array(item), fc.constantFrom("", " ", "\n"), (items, blank) => {
        const text = `{"12345678901234567890":[${items.join(`${blank},${blank}`)}]}`;
        const each = items.map((one) => (one.startsWith('"') ? JSON.parse(one) : parseExactJson(one)));
        expect(parseExactJson(text)).toEqual({ "12345678901234567890": each });
      }),
    );
  });
});

it("keeps no text of a body that it has read", () => {
  parseExactJson(JSON.stringify({ id: "1234567890123456" }));
  expect(Reflect.get(RegExp, "input")).toBe("x");
});
