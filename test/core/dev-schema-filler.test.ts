import { describe, expect, it } from "vitest";
import * as z from "zod";
import { fill } from "./dev-schema-support.ts";

const ENQUIRY = [
  "name: Dana Whitfield",
  "email: dana@northgate.example",
  "company: Northgate Logistics Ltd",
  "message: I'm the VP of Operations. We have 450 employees and a budget of $60,000; we want a demo before March 15, 2026.",
].join("\n");

const REPORT = `Quarterly report

Acme Corp met its targets in Berlin. Revenue grew to $4.5 million, which pleased Jane Miller, the CFO. The board must approve the new warehouse by 30 June 2026. Peter Novak will renegotiate the contract next week.`;

describe("a moderation schema", () => {
  const unit = z.number().min(0).max(1);
  const moderation = z.object({
    harassment: unit,
    hate: unit,
    violence: unit,
    spam: unit,
    flagged: z.boolean(),
    safe: z.boolean(),
    verdict: z.enum(["allow", "review", "block"]),
    categories: z.array(z.enum(["harassment", "hate", "violence", "spam"])),
    reasons: z.array(z.string().max(60)).max(5),
    confidence: unit,
  });

  it("is filled by what the text says: an insult is not spam, spam is not an insult", () => {
    const insult = fill(moderation, "You are a worthless clown, nobody wants you here.");
    const spam = fill(moderation, "Best prices!!! Free shipping with promo code X, http://shop.example");
    expect(insult).toMatchObject({
      flagged: true,
      safe: false,
      verdict: "block",
      categories: ["harassment"],
    });
    expect(spam).toMatchObject({ flagged: true, safe: false, categories: ["spam"] });
    expect(insult.harassment).toBeGreaterThan(0.75);
    expect(spam.harassment).toBe(0);
    expect(insult.reasons[0]).toContain("worthless");
  });

  it("lets a harmless text pass, also one with a rough word in it", () => {
    for (const text of ["What a lovely song.", "That level killed me, I died forty times."]) {
      expect(fill(moderation, text)).toMatchObject({
        flagged: false,
        verdict: "allow",
        categories: [],
        reasons: [],
      });
    }
  });

  it("weighs a denial less than the claim", () => {
    const claimed = fill(moderation, "I will hurt you.");
    const denied = fill(moderation, "I will not hurt you.");
    expect(claimed.violence).toBeGreaterThan(0.5);
    expect(denied.violence).toBeLessThan(0.5);
  });

  it("counts a scam as spam only where it has no place of its own", () => {
    const text = "Send 0.1 bitcoin to this wallet and we double your money, guaranteed.";
    expect(fill(z.object({ spam: unit }), text).spam).toBeGreaterThan(0.75);
    expect(fill(z.object({ spam: unit, scam: unit }), text)).toMatchObject({ spam: expect.closeTo(0.25, 1) });
  });
});

describe("a lead schema", () => {
  const lead = z.object({
    lead_score: z.int().min(0).max(100),
    tier: z.enum(["hot", "warm", "cold"]),
    company: z.string().nullable(),
    email: z.email().nullable(),
    budget_amount: z.number().nullable(),
    timeline: z.string().nullable(),
    phone: z.string().nullable(),
    signals: z.array(z.string()),
    summary: z.string().max(120),
    qualified: z.boolean(),
    contact: z.object({ name: z.string() }),
  });

  it("has its facts from the text, null where there is none", () => {
    expect(fill(lead, ENQUIRY)).toMatchObject({
      tier: "hot",
      company: "Northgate Logistics Ltd",
      email: "dana@northgate.example",
      budget_amount: 60_000,
      timeline: "March 15, 2026",
      phone: null,
      qualified: true,
      contact: { name: "Dana Whitfield" },
    });
  });

  it("scores intent, size and money up; a student and a free-mail address down", () => {
    const low = fill(lead, "email: kim@gmail.com\nmessage: I am a student and need help with my thesis.");
    expect(fill(lead, ENQUIRY).lead_score).toBeGreaterThan(80);
    expect(low.lead_score).toBeLessThan(20);
    expect(low).toMatchObject({ tier: "cold", qualified: false });
  });

  it("quotes its signals word for word", () => {
    const { signals } = fill(lead, ENQUIRY);
    expect(signals.length).toBeGreaterThan(2);
    for (const signal of signals) expect(ENQUIRY).toContain(signal);
  });
});

describe("a document schema", () => {
  const document = z.object({
    title: z.string(),
    summary: z.string().max(300),
    sentiment: z.number().min(-1).max(1),
    entities: z.array(
      z.object({ text: z.string(), type: z.enum(["person", "organization", "location", "date", "money"]) }),
    ),
    people: z.array(z.string()),
    deadline: z.iso.date().nullable(),
    keyPoints: z.array(z.string()).min(2).max(3),
    actionItems: z.array(z.object({ task: z.string(), owner: z.string().nullable() })),
    language: z.string(),
  });

  it("names who and what the text names, by kind", () => {
    const { entities, people } = fill(document, REPORT);
    expect(entities).toEqual(
      expect.arrayContaining([
        { text: "Acme Corp", type: "organization" },
        { text: "Jane Miller", type: "person" },
        { text: "Berlin", type: "location" },
        { text: "30 June 2026", type: "date" },
        { text: "$4.5 million", type: "money" },
      ]),
    );
    expect(people).toEqual(["Jane Miller", "Peter Novak"]);
  });

  it("sums up with the text's own sentences, and finds dates and tasks", () => {
    const filled = fill(document, REPORT);
    for (const sentence of filled.summary.match(/[^.]+\./g) ?? []) expect(REPORT).toContain(sentence.trim());
    for (const point of filled.keyPoints) expect(REPORT).toContain(point);
    expect(filled).toMatchObject({ title: "Quarterly report", deadline: "2026-06-30", language: "en" });
    expect(filled.actionItems).toContainEqual({
      task: "Peter Novak will renegotiate the contract next week.",
      owner: "Peter Novak",
    });
  });

  it("takes as many sentences as it is told to", () => {
    const { summary } = fill(z.object({ summary: z.string() }), REPORT, "Sum it up in one sentence.");
    expect(summary.match(/[.!?](?:\s|$)/g)).toHaveLength(1);
  });
});
