/** The gateway with dedupe switched off, to show that the demo notices: every delivery is taken for a new event. */
import config from "../../examples/showcase/src/gateway.config.ts";
import { createGateway } from "../../src/worker.ts";

export * from "../../examples/showcase/src/index.ts";

const sources = new Map(
  [...config.sources].map(([name, source]) => [name, { ...source, dedupeBy: () => crypto.randomUUID() }]),
);

export default createGateway({ ...config, sources });
