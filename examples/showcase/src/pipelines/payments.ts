/** Payments: no model, strict order. The books see each customer's events exactly as Stripe had them acknowledged. */
import * as z from "zod";
import { definePipeline } from "sluice";

/** What every Stripe event has; the object's own fields depend on its type. */
const stripeObject = z.looseObject({
  id: z.string(),
  object: z.string(),
  customer: z.nullish(z.string()),
  amount: z.optional(z.int()),
  amount_due: z.optional(z.int()),
  currency: z.optional(z.string()),
  status: z.nullish(z.string()),
});

export const stripeEvent = z.object({
  id: z.string(),
  type: z.string(),
  created: z.int(),
  data: z.object({ object: stripeObject }),
});

export const payments = definePipeline({
  name: "payments",
  input: stripeEvent,
  format: ({ input }) => {
    const { object } = input.data;
    return {
      type: "books.entry",
      body: {
        reference: input.id,
        kind: input.type,
        customer: object.customer ?? null,
        object: object.id,
        amount: object.amount ?? object.amount_due ?? null,
        currency: object.currency ?? null,
        status: object.status ?? null,
        occurredAt: input.created,
      },
    };
  },
  deliver: ["books"],
});
