/**
 * A whole gateway with a config of the test's own, on the real objects, buckets and tables: only the lanes and the
 * outgoing queue are stand-ins, so that a test decides when they are emptied and sees what went through them.
 */
import {
  createExecutionContext,
  createMessageBatch,
  createScheduledController,
  getQueueResult,
  waitOnExecutionContext,
} from "cloudflare:test";
import { env } from "cloudflare:workers";
import * as z from "zod";
import type { GatewayOptions } from "../../src/config/gateway-options.ts";
import { createGateway, type Gateway } from "../../src/worker.ts";
import { defineGateway, queueDestination } from "../../src/index.ts";
import { SOME_MODELS } from "../support/some-models.ts";

export const API_TOKEN = "api-token-of-the-tests";
export const ADMIN_TOKEN = "admin-token-of-the-tests";
const LANES = ["LANE_HIGH", "LANE_NORMAL", "LANE_LOW"] as const;

/** What the queues hold; shared by gateways of several configs, as by the deploys of one Worker. */
export interface Queues {
  readonly lanes: unknown[];
  readonly delivered: unknown[];
}

export interface WholeGateway {
  readonly queues: Queues;
  post(
    source: string,
    request: {
      readonly body: BodyInit;
      readonly headers: HeadersInit;
      /** Where the platform says the request came from. */
      readonly cf?: Readonly<Record<string, string>>;
    },
  ): Promise<Response>;
  get(path: string, token?: string): Promise<Response>;
  /** A call that changes something; by default of the operator API. */
  operate(path: string, body: unknown, token?: string): Promise<Response>;
  /** The same with PUT. */
  replace(path: string, body: unknown): Promise<Response>;
  /** Hands over what the lanes hold, until they hold nothing but what was given back. */
  drain(): Promise<void>;
  event(id: string): Promise<EventAnswer>;
  /** Hands messages to the consumer of this queue, for the first time or again. @returns the numbers of those that come again */
  deliver(queue: string, bodies: readonly unknown[], attempts?: number): Promise<readonly number[]>;
  /** What the cron does. */
  minute(): Promise<void>;
}

const eventSchema = z.looseObject({
  id: z.string(),
  state: z.string(),
  failure: z.nullable(z.looseObject({ code: z.string(), message: z.string() })),
  partition: z.string(),
  sequence: z.int(),
});
export type EventAnswer = z.infer<typeof eventSchema>;

export const answerSchema = z.looseObject({ id: z.nullable(z.string()), status: z.string() });

export function newQueues(): Queues {
  return { lanes: [], delivered: [] };
}

let delivered = 0;

/** Deliver to `out`: a queue that keeps what it is sent in `queues.delivered`. */
export function wholeGateway(
  options: Partial<GatewayOptions>,
  bindings: Readonly<Record<string, unknown>> = {},
  queues = newQueues(),
): WholeGateway {
  const config = defineGateway({
    sources: {},
    models: SOME_MODELS,
    ...options,
    destinations: { out: queueDestination({ binding: "OUT" }), ...options.destinations },
  });
  const gateway = createGateway(config);
  const own: Readonly<Record<string, unknown>> = {
    ...Object.fromEntries(LANES.map((name) => [name, keeping(queues.lanes)])),
    OUT: keeping(queues.delivered),
    TELEMETRY: keeping([]),
    SLUICE_API_TOKEN: API_TOKEN,
    SLUICE_ADMIN_TOKEN: ADMIN_TOKEN,
    LOG_LEVEL: "error",
    ...bindings,
  };
  const gatewayEnv = new Proxy(env, {
    get: (real, name) => (typeof name === "string" && name in own ? own[name] : Reflect.get(real, name)),
  });
  return {
    queues,
    post: (source, request) =>
      fetchFrom(
        gateway,
        gatewayEnv,
        new Request(`https://sluice.test/in/${source}`, { method: "POST", ...request }),
      ),
    get: (path, token = API_TOKEN) =>
      fetchFrom(
        gateway,
        gatewayEnv,
        new Request(`https://sluice.test${path}`, { headers: { authorization: `Bearer ${token}` } }),
      ),
    operate: (path, body, token = ADMIN_TOKEN) =>
      fetchFrom(
        gateway,
        gatewayEnv,
        new Request(`https://sluice.test${path}`, {
          method: "POST",
          headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
          body: JSON.stringify(body),
        }),
      ),
    replace: (path, body) =>
      fetchFrom(
        gateway,
        gatewayEnv,
        new Request(`https://sluice.test${path}`, {
          method: "PUT",
          headers: { authorization: `Bearer ${ADMIN_TOKEN}`, "content-type": "application/json" },
          body: JSON.stringify(body),
        }),
      ),
    async deliver(queue, bodies, attempts = 1) {
      const messages = bodies.map((body, at) => ({
        id: `${queue}-${++delivered}-${at}`,
        timestamp: new Date(),
        attempts,
        body,
      }));
      const batch = createMessageBatch(queue, messages);
      await gateway.queue(batch, gatewayEnv);
      const { retryBatch, retryMessages } = await getQueueResult(batch, createExecutionContext());
      const retried = new Set(retryMessages.map(({ msgId }) => msgId));
      return messages.flatMap(({ id }, at) => (retryBatch.retry || retried.has(id) ? at : []));
    },
    minute: () => gateway.scheduled(createScheduledController(), gatewayEnv),
    async drain() {
      const givenBack: unknown[] = [];
      while (queues.lanes.length > 0) {
        const messages = queues.lanes
          .splice(0, 5)
          .map((body, at) => ({ id: `m${at}`, timestamp: new Date(), attempts: 1, body }));
        const batch = createMessageBatch("sluice-normal", messages);
        const context = createExecutionContext();
        await gateway.queue(batch, gatewayEnv);
        const { retryBatch, retryMessages } = await getQueueResult(batch, context);
        const retried = new Set(retryMessages.map(({ msgId }) => msgId));
        givenBack.push(
          ...messages.filter(({ id }) => retryBatch.retry || retried.has(id)).map(({ body }) => body),
        );
      }
      queues.lanes.push(...givenBack);
    },
    async event(id) {
      const response = await this.get(`/v1/events/${id}`);
      return eventSchema.parse(await response.json());
    },
  };
}

async function fetchFrom(gateway: Gateway, gatewayEnv: typeof env, request: Request): Promise<Response> {
  const context = createExecutionContext();
  const response = await gateway.fetch(request, gatewayEnv, context);
  await waitOnExecutionContext(context);
  return response;
}

/** A queue that keeps what it is sent. */
function keeping(kept: unknown[]) {
  return {
    send: (body: unknown) => {
      // As the queue would: what is not JSON does not survive.
      kept.push(JSON.parse(JSON.stringify(body)));
      return Promise.resolve();
    },
    sendBatch: (messages: Iterable<{ readonly body: unknown }>) => {
      for (const { body } of messages) kept.push(JSON.parse(JSON.stringify(body)));
      return Promise.resolve();
    },
  };
}
