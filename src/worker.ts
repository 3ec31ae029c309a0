/**
 * The Worker, as the package `sluice/worker`: `createGateway` turns a config into what answers requests and consumes the
 * queues, and the Durable Object classes are here to be exported. Runs on Cloudflare alone; a config imports `sluice`.
 */
import type { DurableObject } from "cloudflare:workers";
import { createApp, type App } from "./app.ts";
import type { GatewayConfig } from "./config/gateway-options.ts";
import { LIMITS } from "./config/limits.ts";
import { err, messageOf, ok, type Result } from "./core/result.ts";
import type { GatewayEnv } from "./env.ts";
import { consumeLane } from "./lanes/consumer.ts";
import { consumeByJurisdiction } from "./ledger/by-jurisdiction.ts";
import { consumeUndeliverable } from "./lanes/undeliverable.ts";
import { JURISDICTIONS } from "./platform/jurisdictions.ts";
import { problemResponse, type Problem } from "./platform/problem.ts";
import { runChores } from "./services/chores.ts";
import { createStreamCalls } from "./services/streams.ts";
import { createServices, type Services } from "./services.ts";
import { StreamObjectBase } from "./streaming/stream-object.ts";
import type { StreamServices } from "./streaming/stream-services.ts";
import type { StreamRpc } from "./streaming/stub.ts";
import { createLogger } from "./telemetry/log.ts";

export { GuardObject } from "./guard/guard-object.ts";
export { StreamIndexObject } from "./streaming/index-object.ts";
export { PartitionObject } from "./partition/partition-object.ts";

/** The names of the queues that are no lanes end like this in every environment, a jurisdiction's own with its name behind it. */
const PURPOSE = new RegExp(`-(telemetry|undeliverable)(?:-(${JURISDICTIONS.join("|")}))?$`);

function purposeOf(queue: string) {
  const [, purpose = "lane", named] = PURPOSE.exec(queue) ?? [];
  const jurisdiction = JURISDICTIONS.find((one) => one === named) ?? "none";
  return { purpose, jurisdiction } as const;
}

const MISCONFIGURED: Problem = {
  status: 503,
  code: "misconfigured",
  title: "The gateway's bindings are incomplete",
  detail: "Its log names what is missing.",
  headers: { "retry-after": String(LIMITS.ingest.retryAfterSeconds) },
};

/** The stream's class with this config's models: what the Worker exports as `StreamObject`. */
export function createStreamObject(config: GatewayConfig): StreamObjectClass {
  const servicesFor = createStreamCalls(config);
  return class extends StreamObjectBase<GatewayEnv> {
    private calls: StreamServices | undefined;

    protected override services(): StreamServices {
      this.calls ??= servicesFor(this.env, this.ctx.id.jurisdiction);
      return this.calls;
    }
  };
}

export type StreamObjectClass = new (
  state: DurableObjectState,
  env: GatewayEnv,
) => DurableObject<GatewayEnv> & StreamRpc;

export interface Gateway {
  fetch(request: Request, env: GatewayEnv, context: ExecutionContext): Promise<Response>;
  queue(batch: MessageBatch, env: GatewayEnv): Promise<void>;
  /** Every minute. */
  scheduled(controller: ScheduledController, env: GatewayEnv): Promise<void>;
}

interface Built {
  readonly services: Services;
  readonly app: App;
}

export function createGateway(config: GatewayConfig): Gateway {
  // One set of services per isolate: an isolate has one env, tests may have more.
  const builtByEnv = new WeakMap<GatewayEnv, Built>();
  const build = (env: GatewayEnv): Result<Built, string> => {
    const known = builtByEnv.get(env);
    if (known !== undefined) return ok(known);
    try {
      const services = createServices(config, env);
      const built = { services, app: createApp(services) };
      builtByEnv.set(env, built);
      return ok(built);
    } catch (thrown) {
      // A binding is missing: the log names it and the mend, the public answer does not.
      createLogger("error").error("gateway_misconfigured", { error: messageOf(thrown) });
      return err(messageOf(thrown));
    }
  };
  return {
    async fetch(request, env, context) {
      const built = build(env);
      if (!built.ok) return problemResponse(MISCONFIGURED);
      const { app, services } = built.value;
      const response = await app(request, context);
      services.flushSoon();
      return response;
    },
    async scheduled(_, env) {
      const built = build(env);
      if (!built.ok) return;
      const { services } = built.value;
      await runChores(services.chores, services.events.log);
    },
    async queue(batch, env) {
      const built = build(env);
      if (!built.ok) {
        batch.retryAll({ delaySeconds: LIMITS.lanes.retryDelaySeconds });
        return;
      }
      const { services } = built.value;
      const invocation = services.startInvocation();
      try {
        const { purpose, jurisdiction } = purposeOf(batch.queue);
        if (purpose === "telemetry") {
          await consumeByJurisdiction(services.projections, jurisdiction, batch.messages);
        } else if (purpose === "undeliverable") {
          const store = services.undeliverableOf(jurisdiction);
          await consumeUndeliverable(invocation.driver, store, batch.messages);
        } else {
          await consumeLane(invocation.driver, batch.messages);
        }
      } finally {
        await invocation.finish();
      }
    },
  };
}
