/** The gateway for `npm run chaos`, every source strict: an acknowledged event is in its partition's file. */
import config from "../../examples/showcase/src/gateway.config.ts";
import type { GatewayEnv } from "../../src/env.ts";
import { createGateway } from "../../src/worker.ts";
import { chaosConfig, chaosEnv } from "./chaos-support.ts";

export * from "../../examples/showcase/src/index.ts";

const gateway = createGateway(chaosConfig(config, "strict"));

export default {
  fetch: (request: Request, env: GatewayEnv, context: ExecutionContext) =>
    gateway.fetch(request, chaosEnv(env), context),
  queue: (batch: MessageBatch, env: GatewayEnv) => gateway.queue(batch, chaosEnv(env)),
};
