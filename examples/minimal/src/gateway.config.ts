/** Who sends, what is made of it, where it goes. Secrets are named here and set with `wrangler secret put NAME`. */
import { defineGateway, defineSource, httpDestination, openaiCompatible, standardWebhooks } from "sluice";
import { messageReceived, triage } from "./pipelines/triage.ts";

const inbox = defineSource({
  verify: standardWebhooks({ secrets: ["INBOX_WEBHOOK_SECRET"] }),
  events: { "message.received": messageReceived },
  // Each customer's events are one order.
  partitionBy: ({ payload }) => payload.data.customer_id,
  routes: (route) => [route("message.received", triage)],
});

export default defineGateway({
  sources: { inbox },
  models: {
    // Any OpenAI-compatible endpoint: MODEL_BASE_URL and MODEL_API_KEY in .dev.vars put a real model behind `npm run dev`.
    fast: openaiCompatible({
      baseUrl: { variable: "MODEL_BASE_URL" },
      model: "gpt-5-mini",
      apiKey: "MODEL_API_KEY",
      limits: { requestsPerMinute: 500, maxConcurrent: 20 },
      structuredOutput: true,
    }),
  },
  destinations: {
    app: httpDestination({ url: { variable: "APP_URL" }, secret: "DELIVERY_SECRET" }),
  },
});
