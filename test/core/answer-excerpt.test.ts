/** The beginning of another side's answer, as it is kept with an event. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { excerptOf, MAX_EXCERPT_CHARACTERS } from "../../src/core/answer-excerpt.ts";

const KEY = "k7-Qz/91+Lm=";

describe("an excerpt of an answer", () => {
  it("holds no configured secret, in whatever form the other side repeats it", () => {
    const said = `${KEY} ${encodeURIComponent(KEY)} ${JSON.stringify({ sent: `a"${KEY}` })}`;
    expect(excerptOf(said, [KEY, `a"${KEY}`])).toBe('[secret] [secret] {"sent":"[secret]"}');
  });

  it("knows a signing secret with and without its prefix, and each of several", () => {
    const secrets = ["whsec_c2VjcmV0LW9uZQ== whsec_c2VjcmV0LXR3bw=="];
    expect(excerptOf("c2VjcmV0LW9uZQ== and c2VjcmV0LXR3bw==", secrets)).toBe("[secret] and [secret]");
  });

  it("does not take short values for secrets", () => {
    expect(excerptOf("the state is new", ["new"])).toBe("the state is new");
  });

  it("never ends in the first part of a secret", () => {
    const lengths = fc.integer({ min: 0, max: MAX_EXCERPT_CHARACTERS + KEY.length });
    fc.assert(
      fc.property(lengths, (before) => {
        const shown = excerptOf("x".repeat(before) + KEY + "y".repeat(MAX_EXCERPT_CHARACTERS), [KEY]) ?? "";
        expect(shown).not.toContain(KEY.slice(0, 4));
        expect(shown.length).toBeLessThanOrEqual(MAX_EXCERPT_CHARACTERS);
      }),
    );
  });
});
