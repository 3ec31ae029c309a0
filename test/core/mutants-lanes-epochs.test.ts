/** A changed `partitionBy` under events that a sender waits for. */
import { describe, expect, it } from "vitest";
import type { EventId } from "../../src/core/ids.ts";
import type { AskReply, AskRequest } from "../../src/core/partition/decisions.ts";
import { askingDecisions } from "../../src/partition/epochs.ts";
import { envelopeOf } from "../support/envelopes.ts";

const YOURS: AskReply = { v: 1, status: "yours", token: 7 };

async function ask(previous: "none" | "unknown" | "known", reply: AskReply) {
  const [recalled, asked]: [EventId[], EventId[]] = [[], []];
  const [event, old] = [await envelopeOf({ key: "a" }), await envelopeOf({ key: "a", customer: "old" })];
  const client = askingDecisions({
    ask: ({ envelope }) => {
      asked.push(envelope.id);
      return Promise.resolve(reply);
    },
    settle: () => Promise.reject(new Error("nothing to settle")),
    recall: (id) => {
      recalled.push(id);
      return Promise.resolve({ v: 1, known: previous === "known", openEvents: 0 });
    },
  });
  const envelope = previous === "none" ? event : { ...event, previousId: old.id };
  const request: AskRequest = {
    v: 1,
    request: "r",
    envelope,
    default: "hold",
    remainingMs: 500,
    waitMs: 0,
  };
  const told = await client.ask(request);
  return { told, asked, recalled, event, old };
}

describe("a question after a changed partitionBy", () => {
  it("is asked where it is new when the old partition knows nothing of it, or there is none", async () => {
    const plain = await ask("none", YOURS);
    expect(plain).toMatchObject({ told: YOURS, asked: [plain.event.id], recalled: [] });
    const fresh = await ask("unknown", YOURS);
    expect(fresh).toMatchObject({ told: YOURS, asked: [fresh.event.id], recalled: [fresh.old.id] });
  });

  it("is asked where it is known otherwise, and is never this request's to answer there", async () => {
    const decision = { by: "model", answer: "yes", atMs: 1, token: 1, reason: null, review: "none" } as const;
    const decided = await ask("known", { v: 1, status: "decided", decision });
    expect(decided).toMatchObject({ told: { status: "decided", decision }, asked: [decided.old.id] });
    expect((await ask("known", { v: 1, status: "known" })).told).toEqual({ v: 1, status: "known" });
    expect((await ask("known", { v: 1, status: "pushed_back" })).told).toEqual({ v: 1, status: "known" });
    for (const reply of [YOURS, { v: 1, status: "pending" } as const]) {
      const waiting = await ask("known", reply);
      expect(waiting.told).toEqual({ v: 1, status: "pending", id: waiting.old.id });
    }
  });
});
