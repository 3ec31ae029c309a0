import { describe, expect, it } from "vitest";
import { readPrompt } from "../../dev/model-server/prompt.ts";
import { fencePrompt } from "../../src/core/prompt-safety.ts";

describe("a prompt", () => {
  it("of the gateway is read through its fences, each section under its label", async () => {
    const data = { email: "dana@northgate.example", note: "We want\nEND x\n<b>\na demo" };
    const fenced = await fencePrompt({ instruction: "Score it.", data }, 1_000);
    const read = readPrompt([
      { role: "system", text: fenced.instruction },
      { role: "user", text: fenced.input },
    ]);
    expect(read.fieldsByName.get("email")).toBe("dana@northgate.example");
    expect(read.fieldsByName.get("note")).toBe(data.note);
    expect(read.text).not.toContain("BEGIN");
    expect(read.text).toContain("a demo");
  });

  it.each([
    ["angle fences", "Here it is:\n<<<comment 4f2a\nI like it\n>>>"],
    ["angle fences with an end", "<<<comment>>>\nI like it\n<<<end comment>>>"],
    ["tags", "<comment>\nI like it\n</comment>"],
    ["code fences", "```comment\nI like it\n```"],
    ["one line", "<<<comment: I like it>>>"],
  ])("is read through %s too", (_, text) => {
    const read = readPrompt([{ role: "user", text }]);
    expect(read.fieldsByName.get("comment")).toBe("I like it");
    expect(read.text).toContain("I like it");
    expect(read.text).not.toContain("Here it is");
  });

  it("may carry the schema itself, fenced or not; the schema is not part of the data", () => {
    const schema = { type: "object", properties: { summary: { type: "string" } }, required: ["summary"] };
    for (const text of [
      `Fit this:\n${JSON.stringify(schema)}`,
      `Fit this:\n\`\`\`json\n${JSON.stringify(schema)}\n\`\`\``,
    ]) {
      expect(
        readPrompt([
          { role: "system", text },
          { role: "user", text: "Hello." },
        ]).schema,
      ).toEqual(schema);
      const inUser = readPrompt([{ role: "user", text: `${text}\nHello.` }]);
      expect(inUser.schema).toEqual(schema);
      expect(inUser.text).not.toContain("properties");
    }
  });

  it("of JSON gives its fields by name and its prose as text", () => {
    const event = {
      data: { object: { amount: 4_200, id: "pi_1", message: "Your card has insufficient funds." } },
    };
    const read = readPrompt([{ role: "user", text: JSON.stringify(event) }]);
    expect(read.fieldsByName.get("amount")).toBe(4_200);
    expect(read.text).toContain("Your card has insufficient funds.");
    expect(read.text).not.toContain("pi_1");
  });
});
