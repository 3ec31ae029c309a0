/**
 * The Worker that the tests run inside: the classes of the package, and a config with one model. A test that needs a
 * gateway of its own makes one (`whole-gateway.ts`).
 */
import { defineGateway, defineSource, openaiCompatible, unsigned } from "../../src/index.ts";
import { createGateway, createStreamObject } from "../../src/worker.ts";

export { GuardObject, PartitionObject, StreamIndexObject } from "../../src/worker.ts";

const config = defineGateway({
  sources: {
    nobody: defineSource({
      verify: unsigned({
        iUnderstand: "nothing in these requests is signed",
        by: "bearer",
        secrets: ["NOBODY_SECRET"],
      }),
      events: {},
      partitionBy: () => null,
      routes: () => [],
    }),
  },
  models: {
    fast: openaiCompatible({
      baseUrl: { variable: "MODEL_BASE_URL" },
      model: "sluice-standin-1",
      limits: { requestsPerMinute: 3_000, maxConcurrent: 20 },
      price: { inputPerMillion: 0.25, outputPerMillion: 2 },
      structuredOutput: true,
    }),
  },
  destinations: {},
});

export class StreamObject extends createStreamObject(config) {}

export default createGateway(config);
