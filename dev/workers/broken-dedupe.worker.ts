/** The gateway with dedupe switched off, to show that the demo notices: every delivery is taken for a new event. */
import config from "../../config/gateway.config.ts";
import { createGateway } from "../../src/gateway.ts";

export * from "../../src/index.ts";

const sources = new Map(
  [...config.sources].map(([name, source]) => [name, { ...source, dedupeBy: () => crypto.randomUUID() }]),
);

export default createGateway({ ...config, sources });
