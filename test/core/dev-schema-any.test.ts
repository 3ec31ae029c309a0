import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as z from "zod";
import { readPrompt } from "../../dev/model-server/prompt.ts";
import { fillSchema } from "../../dev/model-server/schema/fill.ts";
import type { JsonObject, JsonValue } from "../../src/core/json.ts";
import { fill } from "./dev-schema-support.ts";

describe("any schema", () => {
  it("gets labels by what they mean: topics, sentiment, language, priority", () => {
    const schema = z.object({
      label: z.enum(["bug", "feature", "question", "other"]),
      sentiment: z.enum(["positive", "neutral", "negative"]),
      language: z.enum(["english", "german"]),
      priority: z.enum(["low", "medium", "high", "critical"]),
    });
    expect(
      fill(schema, "The app crashes with an error, this is urgent, terrible and blocks production today!"),
    ).toEqual({
      label: "bug",
      sentiment: "negative",
      language: "english",
      priority: "critical",
    });
    expect(fill(schema, "Das ist nicht die Rechnung, die ich für mich wollte.")).toMatchObject({
      language: "german",
    });
    expect(fill(schema, "It would be great to have an option for dark mode.")).toMatchObject({
      label: "feature",
      priority: "low",
    });
  });

  it("is met in its formats, patterns, tuples, records, unions and bounds", () => {
    const schema = z.object({
      code: z.string().regex(/^[A-Z]{3}-\d{4}$/),
      invented: z.string().regex(/^(?:ab|cd)[0-9a-f]{2,4}x+$/),
      at: z.iso.datetime(),
      id: z.uuid(),
      link: z.url(),
      shares: z.record(z.enum(["a", "b"]), z.number().min(0).max(1)),
      pair: z.tuple([z.string(), z.number()]),
      about: z.discriminatedUnion("kind", [
        z.object({ kind: z.literal("spam"), score: z.number() }),
        z.object({ kind: z.literal("question"), text: z.string() }),
      ]),
      stars: z.int().min(1).max(5),
      quarter: z.number().multipleOf(0.25).min(0.1).max(0.9),
      long: z.string().min(200).max(210),
      some: z.array(z.string().min(3)).min(3),
      level: z.union([z.literal(1), z.literal(2), z.literal(3)]),
    });
    const filled = fill(schema, "Order ABC-1234 arrived broken, what now? See https://shop.example/help");
    expect(filled).toMatchObject({
      code: "ABC-1234",
      link: "https://shop.example/help",
      about: { kind: "question" },
    });
  });

  it("is met although it refers to itself", () => {
    const comment = z.object({
      text: z.string(),
      get replies() {
        return z.array(comment);
      },
      get parent() {
        return comment.nullable();
      },
    });
    expect(fill(comment, "Nice work.")).toEqual({ text: "Nice work.", replies: [], parent: null });
    const tree = z.object({
      get left() {
        return z.union([tree, z.string()]);
      },
    });
    expect(fill(tree, "Nice work.")).toEqual({ left: "Nice work." });
  });

  it("is met by a text that says nothing at all", () => {
    const schema = z.object({
      summary: z.string().min(1),
      score: z.number().min(5),
      tags: z.array(z.string()),
    });
    expect(fill(schema, "").tags).toEqual([]);
  });

  it("that cannot be met is refused with the place, not answered wrongly", () => {
    const refuse = (schema: JsonObject): string => {
      const filled = fillSchema({ name: "answer", schema }, readPrompt([{ role: "user", text: "Hello." }]));
      return filled.ok ? "answered" : filled.error;
    };
    const properties = {
      deep: {
        type: "object",
        properties: { n: { type: "integer", minimum: 5, maximum: 4 } },
        required: ["n"],
      },
    };
    expect(refuse({ type: "object", properties, required: ["deep"] })).toContain("$.deep.n");
    expect(refuse({ type: "string", pattern: String.raw`^(a)\1(?=b)c$` })).toContain("pattern");
    expect(
      refuse({
        $ref: "#/$defs/a",
        $defs: { a: { type: "object", properties: { a: { $ref: "#/$defs/a" } }, required: ["a"] } },
      }),
    ).toContain("nested too deeply");
  });

  it("is met whatever it is made of and whatever the text says", () => {
    fc.assert(
      fc.property(schemaTree.node, fc.string({ unit: "binary", maxLength: 120 }), (schema, text) => {
        const filled = fillSchema({ name: "answer", schema }, readPrompt([{ role: "user", text }]));
        expect(filled).toMatchObject({ ok: true });
        if (filled.ok)
          expect(z.fromJSONSchema(asZodInput(schema)).safeParse(filled.value)).toMatchObject({
            success: true,
          });
      }),
      { numRuns: 300 },
    );
  });

  it("that grows by powers of two is refused, not computed to its end", () => {
    const level = (next: string): JsonObject => {
      const ref = { $ref: `#/$defs/${next}` };
      return { type: "object", properties: { left: ref, right: ref }, required: ["left", "right"] };
    };
    const $defs = Object.fromEntries(
      Array.from({ length: 20 }, (_, index) => [`d${index}`, level(`d${index + 1}`)]),
    );
    const schema = { ...level("d0"), $defs: { ...$defs, d20: { type: "string" } } };
    const filled = fillSchema({ name: "answer", schema }, readPrompt([{ role: "user", text: "Hello." }]));
    expect(filled).toMatchObject({ ok: false, error: expect.stringContaining("too many values") });
  });

  it("is filled the same from the same text", () => {
    fc.assert(
      fc.property(schemaTree.node, fc.string({ maxLength: 80 }), (schema, text) => {
        const once = (): unknown =>
          fillSchema({ name: "answer", schema }, readPrompt([{ role: "user", text }]));
        expect(once()).toEqual(once());
      }),
      { numRuns: 50 },
    );
  });
});

/** Schemas of every kind the filler knows, nested; all of them can be met. */
const propertyName = fc.constantFrom(
  "summary",
  "score",
  "sentiment",
  "spam",
  "entities",
  "email",
  "label",
  "isUrgent",
  "reasons",
  "count",
  "x",
  "leadScore",
);
const bounded = (low: number, span: number): { low: number; high: number } => ({ low, high: low + span });

const leaf: fc.Arbitrary<JsonObject> = fc.oneof(
  fc
    .tuple(fc.nat(20), fc.nat(40))
    .map(([low, span]) => ({ type: "string", minLength: low, maxLength: bounded(low, span).high })),
  fc.record({
    type: fc.constant("string"),
    enum: fc.uniqueArray(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 4 }),
  }),
  fc.tuple(fc.integer({ min: -50, max: 50 }), fc.nat(30)).map(([low, span]) => ({
    type: "integer",
    minimum: low,
    maximum: bounded(low, span).high,
  })),
  fc.tuple(fc.integer({ min: -5, max: 5 }), fc.nat(3)).map(([low, span]) => ({
    type: "number",
    minimum: low,
    maximum: bounded(low, span).high,
  })),
  fc.constantFrom<JsonObject>(
    { type: "boolean" },
    { type: "null" },
    { type: "number" },
    { type: "string" },
    { const: "fixed" },
    { type: ["string", "null"] },
    { type: "string", format: "email" },
    { type: "string", pattern: "^[a-f]{2,3}-?\\d+$" },
  ),
);

const schemaTree = fc.letrec<{ node: JsonObject; object: JsonObject; array: JsonObject; union: JsonObject }>(
  (tie) => ({
    node: fc.oneof({ maxDepth: 4, depthSize: "small" }, leaf, tie("object"), tie("array"), tie("union")),
    object: fc.dictionary(propertyName, tie("node"), { maxKeys: 5 }).chain((properties) =>
      fc.subarray(Object.keys(properties)).map((required) => ({
        type: "object",
        properties,
        required,
        additionalProperties: false,
      })),
    ),
    array: fc.tuple(tie("node"), fc.nat(2), fc.nat(3)).map(([items, least, span]): JsonObject => ({
      type: "array",
      items,
      minItems: least,
      maxItems: bounded(least, span).high,
    })),
    union: fc.array(tie("node"), { minLength: 1, maxLength: 3 }).map((anyOf): JsonObject => ({ anyOf })),
  }),
);

function asZodInput(schema: JsonObject): Parameters<typeof z.fromJSONSchema>[0] {
  // zod's type of a JSON schema is mutable; it does not write to it.
  const copy: Record<string, JsonValue> = { ...schema };
  return copy;
}
