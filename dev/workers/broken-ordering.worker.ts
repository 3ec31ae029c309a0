/** The gateway with ordering switched off, to show that the demo notices: every source is `ordering: "none"`. */
import config from "../../examples/showcase/src/gateway.config.ts";
import { createGateway } from "../../src/worker.ts";

export * from "../../examples/showcase/src/index.ts";

const sources = new Map(
  [...config.sources].map(([name, source]) => [
    name,
    { ...source, policy: { ...source.policy, ordering: "none" as const } },
  ]),
);

export default createGateway({ ...config, sources });
