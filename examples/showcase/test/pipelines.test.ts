/** The showcase's pipelines, each with a model that says what the test wants: no network, no account, no queue. */
import { describe, expect, it } from "vitest";
import { testPipeline } from "sluice/testing";
import { documentClassify, documentEntities, documentText } from "../src/pipelines/documents.ts";
import { ALLOW, fraudCheck } from "../src/pipelines/fraud-check.ts";
import { leadScoring } from "../src/pipelines/lead-scoring.ts";
import { HOLD, liveChat } from "../src/pipelines/live-chat.ts";
import { moderation } from "../src/pipelines/moderation.ts";
import { payments } from "../src/pipelines/payments.ts";
import { triage } from "../src/pipelines/triage.ts";

describe("moderation", () => {
  const harmless = { harassment: 0, hate: 0, violence: 0, sexual: 0, self_harm: 0, spam: 0.1 };
  const comment = {
    type: "comment.created" as const,
    data: { comment_id: "com_1", author: { id: "aut_1", name: "Ada" }, text: "Buy now!" },
  };

  it.each([
    [harmless, "approve", []],
    [{ ...harmless, spam: 0.6 }, "hold", ["spam"]],
    [{ ...harmless, spam: 0.6, hate: 0.7 }, "reject", ["hate"]],
  ])("of scores %j says %s", async (scores, verdict, reasons) => {
    const prepared = await testPipeline(moderation, comment, { model: () => scores });
    expect(prepared).toMatchObject({
      kind: "ready",
      output: {
        type: "moderation.verdict",
        to: ["verdicts"],
        body: { contentId: "com_1", verdict, reasons },
      },
    });
  });

  it("leaves scores that are none to a person", async () => {
    const prepared = await testPipeline(moderation, comment, { model: () => ({ ...harmless, spam: 2 }) });
    expect(prepared.kind).toBe("review");
  });
});

describe("lead scoring", () => {
  const enquiry = {
    type: "enquiry.submitted" as const,
    data: {
      enquiry_id: "enq_1",
      name: "Ada",
      email: "ada@example.com",
      company: "Looms Ltd",
      message: "We need 40 seats by May.",
    },
  };

  it("grades an enquiry by its score", async () => {
    const model = () => ({ lead_score: 82.4, intent: "purchase", signals: ["40 seats"] });
    expect(await testPipeline(leadScoring, enquiry, { model })).toMatchObject({
      kind: "ready",
      output: { body: { score: 82, grade: "hot", contact: { company: "Looms Ltd" } }, to: ["crm"] },
    });
  });

  it("asks once more when the model quotes what nobody wrote, and then leaves it to a person", async () => {
    let asked = 0;
    const model = () => {
      asked++;
      return { lead_score: 90, intent: "purchase", signals: ["a signed contract"] };
    };
    expect((await testPipeline(leadScoring, enquiry, { model })).kind).toBe("review");
    expect(asked).toBe(2);
  });
});

describe("triage", () => {
  const issue = { number: 7, title: "Crash", body: "It crashes on start." };
  const opened = { action: "opened", repository: { full_name: "looms/app" }, issue };
  const model = () => ({ label: "bug", summary: "It crashes." });

  it("labels an issue for the tracker", async () => {
    expect(await testPipeline(triage, opened, { model })).toMatchObject({
      kind: "ready",
      output: { body: { repository: "looms/app", number: 7, label: "bug" }, to: ["tracker"] },
    });
  });

  it("reads the comment where there is one, and not the issue again", async () => {
    const inputs: string[] = [];
    const commented = { ...opened, comment: { body: "Fixed for me." } };
    await testPipeline(triage, commented, { model: ({ input }) => (inputs.push(input), model()) });
    expect(inputs[0]).toContain("Fixed for me.");
    expect(inputs[0]).not.toContain("crashes on start");
  });
});

describe("documents", () => {
  const text = { reference: null, documentId: "doc_1", title: "Invoice", text: "Pay 40 EUR to Looms Ltd." };

  it("lose their markup, and go on as an event of their own", async () => {
    const received = {
      type: "document.received" as const,
      data: {
        document_id: "doc_1",
        customer_id: "cus_1",
        title: "Invoice",
        text: "<p>Pay <b>40 EUR</b></p>",
      },
    };
    expect(await testPipeline(documentText, received, { emitsTo: [documentEntities] })).toMatchObject({
      output: { to: [], emits: [{ pipeline: "document-entities", payload: { text: "Pay 40 EUR" } }] },
    });
  });

  it("have only the entities that they name", async () => {
    const entities = (named: string) => () => ({ entities: [{ text: named, type: "amount" }] });
    const emitsTo = [documentClassify];
    expect(await testPipeline(documentEntities, text, { model: entities("40 EUR"), emitsTo })).toMatchObject({
      kind: "ready",
      output: { emits: [{ payload: { entities: [{ text: "40 EUR" }] } }] },
    });
    const invented = await testPipeline(documentEntities, text, { model: entities("50 EUR"), emitsTo });
    expect(invented.kind).toBe("review");
  });

  it("end in the archive with their class and summary", async () => {
    const model = () => ({ category: "invoice", summary: "Looms Ltd wants 40 EUR." });
    expect(await testPipeline(documentClassify, { ...text, entities: [] }, { model })).toMatchObject({
      output: { type: "document.classified", body: { category: "invoice" }, to: ["archive"] },
    });
  });
});

it("payments reach the books as the sender wrote them, without a model", async () => {
  const invoice = { id: "in_1", object: "invoice", customer: "cus_1", amount_due: 900, currency: "eur" };
  const event = { id: "evt_1", type: "invoice.paid", created: 1_700_000_000, data: { object: invoice } };
  expect(await testPipeline(payments, event)).toMatchObject({
    kind: "ready",
    output: { body: { reference: "evt_1", amount: 900, customer: "cus_1", status: null }, to: ["books"] },
  });
});

describe("the two that a sender waits for", () => {
  const payment = {
    type: "payment.attempted" as const,
    data: {
      payment_id: "pay_1",
      customer_id: "cus_1",
      amount: 9_900,
      currency: "EUR",
      country: "DE",
      card_country: "BR",
      account_age_days: 0,
    },
  };
  const message = {
    type: "chat.message" as const,
    data: { message_id: "m1", author: { id: "a1", name: "Ada" }, text: "hello" },
  };

  it("blocks what looks like fraud, allows the rest, and allows what cannot be judged", async () => {
    const judged = (fraud_score: number) =>
      testPipeline(fraudCheck, payment, { model: () => ({ fraud_score }) });
    expect(await judged(0.9)).toMatchObject({ output: { body: { decision: "block", score: 0.9 } } });
    expect(await judged(0.2)).toMatchObject({ output: { body: { decision: "allow" } } });
    expect(await testPipeline(fraudCheck, payment, { model: () => "?" })).not.toMatchObject({
      kind: "ready",
    });
    expect(ALLOW).toEqual({ decision: "allow", score: null });
  });

  it("approves, holds and rejects chat messages, and holds what cannot be judged", async () => {
    const said = (harassment: number) =>
      testPipeline(liveChat, message, {
        model: () => ({ harassment, hate: 0, violence: 0, sexual: 0, spam: 0 }),
      });
    expect(await said(0.1)).toMatchObject({ output: { body: { verdict: "approve", reasons: [] } } });
    expect(await said(0.4)).toMatchObject({ output: { body: { verdict: "hold", reasons: ["harassment"] } } });
    expect(await said(0.9)).toMatchObject({ output: { body: { verdict: "reject" } } });
    expect(HOLD.verdict).toBe("hold");
  });
});
