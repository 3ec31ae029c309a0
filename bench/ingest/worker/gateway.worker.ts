/** The gateway with one source: Stripe, a schema as a deployer writes it, ordered by customer, one pipeline. */
import * as z from "zod";
import { defineGateway } from "../../../src/config/define-gateway.ts";
import { definePipeline } from "../../../src/config/define-pipeline.ts";
import { defineSource } from "../../../src/config/define-source.ts";
import { createGateway, createStreamObject } from "../../../src/worker.ts";
import { stripe } from "../../../src/ingest/senders/payments.ts";

export { GuardObject, PartitionObject, StreamIndexObject } from "../../../src/worker.ts";

const invoice = z.object({
  id: z.string(),
  type: z.string(),
  created: z.number(),
  data: z.object({
    object: z.object({ id: z.string(), customer: z.nullable(z.string()), amount_paid: z.number() }),
  }),
});

const nothing = definePipeline({
  name: "nothing",
  input: invoice,
  deliver: [],
  format: () => ({ body: null }),
});

const source = defineSource({
  verify: stripe({ secrets: ["SECRET"] }),
  events: { "invoice.paid": invoice },
  partitionBy: ({ payload }) => payload.data.object.customer,
  routes: (route) => [route("*", nothing)],
});

const config = defineGateway({ sources: { stripe: source }, models: {}, destinations: {} });

export class StreamObject extends createStreamObject(config) {}

export default createGateway(config);
