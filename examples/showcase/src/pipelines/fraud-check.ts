/**
 * Fraud check while the checkout waits: allow or block a payment within its deadline. What cannot be judged in time is
 * allowed and flagged: a lost sale is dearer here than a disputed one that a person sees a minute later.
 */
import * as z from "zod";
import { definePipeline, inRange } from "sluice";

export const paymentAttempted = z.object({
  type: z.literal("payment.attempted"),
  data: z.object({
    payment_id: z.string(),
    customer_id: z.string(),
    amount: z.int().min(0),
    currency: z.string().length(3),
    country: z.string().length(2),
    card_country: z.string().length(2),
    /** Days since the account was opened. */
    account_age_days: z.int().min(0),
    note: z.optional(z.string().max(1_000)),
  }),
});

const judged = z.object({ fraud_score: z.number().min(0).max(1) });

/** What the checkout is told. `score` is null where no model was heard. */
// oxlint-disable-next-line typescript/consistent-type-definitions -- an interface has no index signature: it is no JSON value
export type FraudDecision = { readonly decision: "allow" | "block"; readonly score: number | null };

const BLOCK_FROM = 0.85;

export const fraudCheck = definePipeline({
  name: "fraud-check",
  input: paymentAttempted,
  infer: {
    model: "small",
    promptVersion: "1",
    output: judged,
    prompt: ({ data: { amount, currency, country, card_country, account_age_days, note } }) => ({
      instruction: "Rate how likely this payment is fraud, from 0 (certainly not) to 1 (certainly).",
      data: {
        payment: `${amount / 100} ${currency}, buyer in ${country}, card of ${card_country}`,
        account: `${account_age_days} days old`,
        note: note ?? "",
      },
    }),
    checks: [inRange(({ fraud_score }) => fraud_score, 0, 1)],
    fallbackModels: ["fast"],
    onDegraded: "retry",
  },
  format: ({ output }) => {
    const body: FraudDecision = {
      decision: output.fraud_score >= BLOCK_FROM ? "block" : "allow",
      score: output.fraud_score,
    };
    return { type: "payment.judged", body };
  },
  // Those who look after disputes hear of every judgement, after the checkout has.
  deliver: ["books"],
  policy: { ordering: "none" },
});

export const ALLOW: FraudDecision = { decision: "allow", score: null };
