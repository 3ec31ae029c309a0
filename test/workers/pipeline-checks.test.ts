import { describe, expect, it } from "vitest";
import * as z from "zod";
import { definePipeline } from "../../src/config/define-pipeline.ts";
import { grounded, inRange, oneOf } from "../../src/pipeline/checks.ts";

const source = (text: string) => ({ text });
const isGrounded = (quote: string | string[], text: string) =>
  grounded(
    (output: { quotes: string | string[] }) => output.quotes,
    (input: { text: string }) => input.text,
  )({ quotes: quote }, source(text)) === null;

describe("output checks", () => {
  it("fit into a pipeline without a type being named", () => {
    const pipeline = definePipeline({
      name: "typed",
      input: z.object({ text: z.string() }),
      infer: {
        model: "fast",
        promptVersion: "1",
        output: z.object({ score: z.number(), label: z.string(), quotes: z.array(z.string()) }),
        prompt: (input) => ({ instruction: "Judge.", data: { text: input.text } }),
        checks: [
          inRange((output) => output.score, 0, 1),
          oneOf((output) => output.label, ["good", "bad"]),
          grounded(
            (output) => output.quotes,
            (input) => input.text,
          ),
        ],
      },
      format: ({ input, output }) => ({ body: { text: input.text, score: output.score } }),
      deliver: [],
    });
    expect(pipeline.model).toBe("fast");
  });

  it("keep numbers in their range, both ends included, and refuse what is not a number", () => {
    const check = inRange((output: { score: number | number[] }) => output.score, 0, 1);
    for (const score of [0, 0.5, 1]) expect(check({ score }, null)).toBeNull();
    for (const score of [-0.01, 1.01, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(check({ score }, null)).toBe("a number is not between 0 and 1");
    }
    expect(check({ score: [0.1, 3] }, null)).not.toBeNull();
  });

  it("allow only listed values, also from a list that the input brings", () => {
    const fixed = oneOf((output: { label: string }) => output.label, ["a", "b"]);
    expect(fixed({ label: "a" }, null)).toBeNull();
    expect(fixed({ label: "secret text" }, null)).toBe("a value is not one of the allowed ones");
    const brought = oneOf(
      (output: { picks: string[] }) => output.picks,
      (input: { offers: string[] }) => input.offers,
    );
    expect(brought({ picks: ["x", "y"] }, { offers: ["x", "y", "z"] })).toBeNull();
    expect(brought({ picks: ["x", "q"] }, { offers: ["x", "y", "z"] })).not.toBeNull();
  });

  it("find a quote whatever its case, white space, quotation marks and invisible characters", () => {
    expect(isGrounded("The  parcel\nnever CAME", "She says: the parcel never came.")).toBe(true);
    expect(isGrounded('"it\'s late"', "He wrote \u201Cit\u2019s late\u201D today")).toBe(true);
    expect(isGrounded("refund", "re\u200Bfu\u00ADnd please")).toBe(true);
    expect(isGrounded("caf\u00E9", "the cafe\u0301 next door")).toBe(true);
  });

  it("refuse an invented, an empty and a partly invented quote", () => {
    expect(isGrounded("the parcel never arrived", "the parcel never came")).toBe(false);
    expect(isGrounded("", "anything")).toBe(false);
    expect(isGrounded(["parcel", "dog"], "the parcel never came")).toBe(false);
    expect(isGrounded([], "anything")).toBe(true);
  });

  it("do not find a number inside a longer one", () => {
    expect(isGrounded("100", "you owe 1000 euros")).toBe(false);
    expect(isGrounded("100", "you owe 2100 euros")).toBe(false);
    expect(isGrounded("100", "you owe 100.50 euros")).toBe(false);
    expect(isGrounded("500", "you owe 1,500 euros")).toBe(false);
    expect(isGrounded("100", "first 1000, then 100. Then 5")).toBe(true);
    expect(isGrounded("paid 100", "she paid 100, he paid 7")).toBe(true);
  });

  it("name the failing quote by its place, never by its text", () => {
    const check = grounded(
      (output: { quotes: string[] }) => output.quotes,
      (input: { text: string }) => input.text,
    );
    expect(check({ quotes: ["came", "my secret"] }, source("came"))).toBe(
      "quote 2 of 2 does not occur in the input",
    );
  });
});
