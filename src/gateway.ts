/** Turns a config into a Worker: what answers requests and what consumes the queues. */
import { createApp, type App } from "./app.ts";
import type { GatewayConfig } from "./config/define-gateway.ts";
import type { GatewayEnv } from "./env.ts";
import { consumeLane } from "./lanes/consumer.ts";
import { consumeUndeliverable } from "./lanes/undeliverable.ts";
import { createServices, type Services } from "./services.ts";

/** The dead-letter queue's name ends like this in every environment. */
const UNDELIVERABLE = "-undeliverable";

export interface Gateway {
  fetch(request: Request, env: GatewayEnv, context: ExecutionContext): Promise<Response>;
  queue(batch: MessageBatch, env: GatewayEnv): Promise<void>;
}

export function createGateway(config: GatewayConfig): Gateway {
  // One set of services per isolate: an isolate has one env, tests may have more.
  const built = new WeakMap<GatewayEnv, { readonly services: Services; readonly app: App }>();
  const of = (env: GatewayEnv) => {
    const known = built.get(env);
    if (known !== undefined) return known;
    const services = createServices(config, env);
    const made = { services, app: createApp(services) };
    built.set(env, made);
    return made;
  };
  return {
    fetch: (request, env, context) => of(env).app(request, context),
    async queue(batch, env) {
      const { services } = of(env);
      const invocation = services.startInvocation();
      try {
        if (batch.queue.endsWith(UNDELIVERABLE)) {
          await consumeUndeliverable(invocation.driver, services.undeliverable, batch.messages);
        } else {
          await consumeLane(invocation.driver, batch.messages);
        }
      } finally {
        await invocation.finish();
      }
    },
  };
}
