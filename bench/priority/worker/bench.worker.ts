/**
 * The whole gateway with a config of the bench's own: one model behind one limit, a source of low priority and one of high.
 * Nothing of it is deployed.
 */
import { env as workerEnv } from "cloudflare:workers";
import * as z from "zod";
import {
  defineGateway,
  definePipeline,
  defineSource,
  httpDestination,
  openaiCompatible,
  standardWebhooks,
} from "../../../src/index.ts";
import { createGateway, createStreamObject } from "../../../src/worker.ts";

export { GuardObject } from "../../../src/guard/guard-object.ts";
export { StreamIndexObject } from "../../../src/streaming/index-object.ts";
export { PartitionObject } from "../../../src/partition/partition-object.ts";

const note = z.object({ customer: z.string(), text: z.string() });

const answer = definePipeline({
  name: "answer",
  input: note,
  infer: {
    model: "fast",
    promptVersion: "1",
    output: z.string(),
    prompt: ({ text }) => ({ instruction: "Say it in one word.", data: { text } }),
  },
  format: ({ output }) => ({ body: { output } }),
  deliver: ["sink"],
});

const sourceOf = (priority: "low" | "high") =>
  defineSource({
    verify: standardWebhooks({ secrets: ["MEDIA_WEBHOOK_SECRET"] }),
    events: { note },
    partitionBy: ({ payload }) => payload.customer,
    priority,
    routes: (route) => [route("note", answer)],
  });

const requestsPerMinute = Number(Reflect.get(workerEnv, "BENCH_REQUESTS_PER_MINUTE"));

const config = defineGateway({
  sources: { flood: sourceOf("low"), steady: sourceOf("high") },
  models: {
    fast: openaiCompatible({
      baseUrl: { variable: "MODEL_BASE_URL" },
      model: "sluice-standin-1",
      limits: { requestsPerMinute },
    }),
  },
  destinations: {
    sink: httpDestination({ url: { variable: "TRACKER_URL" }, secret: "DELIVERY_SECRET" }),
  },
});

export class StreamObject extends createStreamObject(config) {}

export default createGateway(config);
