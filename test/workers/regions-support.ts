/**
 * A gateway whose every binding says when it is used, for tests of where an event's state goes. Jurisdictions themselves are
 * not implemented in workerd: what is asked for is what can be seen.
 */
import { env } from "cloudflare:workers";
import { expect } from "vitest";
import * as z from "zod";
import type { SourceOptions } from "../../src/config/define-source.ts";
import { PRIORITIES } from "../../src/core/policy.ts";
import type { RunOutcome } from "../../src/streaming/port.ts";
import { definePipeline, defineSource, openaiCompatible, stripe } from "../../src/index.ts";
import { SECRET, stripeHeader } from "./ingest-support.ts";
import { answerSchema, newQueues, wholeGateway, type WholeGateway } from "./whole-gateway.ts";

declare global {
  namespace Cloudflare {
    interface Env {
      /** Of the test environment alone: what a jurisdiction's own would be. */
      readonly OTHER_LEDGER: D1Database;
      readonly OTHER_PAYLOADS: R2Bucket;
    }
  }
}

export const PLACES = {
  frankfurt: { colo: "FRA", continent: "EU", longitude: "8.68" },
  seattle: { colo: "SEA", continent: "NA", longitude: "-122.3" },
  sydney: { colo: "SYD", continent: "OC", longitude: "151.2" },
} as const;
export type Place = keyof typeof PLACES;

export const paid = z.object({
  id: z.string(),
  type: z.literal("paid"),
  customer: z.string(),
  note: z.string(),
});

export interface Touch {
  readonly binding: string;
  readonly jurisdiction: string;
  readonly hint: string | null;
}

interface Namespace {
  idFromName(name: string): unknown;
  get(id: unknown, options?: { readonly locationHint?: string }): unknown;
}

export interface RegionGateway {
  readonly gateway: WholeGateway;
  /** Objects that were asked for. */
  readonly touched: Touch[];
  /** Every other binding of which something was called. */
  readonly asked: Set<string>;
  /** What the telemetry queues were sent, by binding. */
  readonly told: ReadonlyMap<string, unknown[]>;
}

/** What a jurisdiction may have of its own. */
export const OWN = {
  lanes: PRIORITIES.map((priority) => `LANE_${priority.toUpperCase()}_EU`),
  bodies: ["PAYLOADS_EU"],
  ledger: ["LEDGER_EU", "TELEMETRY_EU"],
} as const;

export interface RegionOptions extends Partial<SourceOptions<{ paid: typeof paid }>> {
  /** Default: everything. */
  readonly own?: readonly string[];
  /** The pipeline asks a model whose answer can be watched. */
  readonly streams?: boolean;
}

export function gatewayAt({ own, streams = false, ...options }: RegionOptions): RegionGateway {
  const touched: Touch[] = [];
  const asked = new Set<string>();
  const told = new Map<string, unknown[]>([
    ["TELEMETRY", []],
    ["TELEMETRY_EU", []],
  ]);
  const queues = newQueues();
  const recorded = <Binding extends object>(name: string, binding: Binding): Binding =>
    new Proxy(binding, {
      get: (real, method) => {
        const value: unknown = Reflect.get(real, method);
        if (typeof value !== "function") return value;
        return (...given: unknown[]) => {
          asked.add(name);
          return Reflect.apply(value, real, given) as unknown; // handed on as it is
        };
      },
    });
  const queue = (kept: unknown[]) => ({
    send: async (body: unknown) => void kept.push(JSON.parse(JSON.stringify(body))),
    sendBatch: () => Promise.reject(new Error("one message at a time here")),
    metrics: async () => ({ backlogCount: 0 }),
  });
  const lanes = PRIORITIES.map((priority) => `LANE_${priority.toUpperCase()}`);
  const everything: Readonly<Record<string, object>> = {
    ...Object.fromEntries([...lanes, ...OWN.lanes].map((name) => [name, queue(queues.lanes)])),
    ...Object.fromEntries([...told].map(([name, kept]) => [name, queue(kept)])),
    PAYLOADS: env.PAYLOADS,
    PAYLOADS_EU: env.OTHER_PAYLOADS,
    LEDGER: env.LEDGER,
    LEDGER_EU: env.OTHER_LEDGER,
    RESULTS: env.RESULTS,
    IDEMPOTENCY: env.IDEMPOTENCY,
    IDEMPOTENCY_EU: env.IDEMPOTENCY,
    METRICS: { writeDataPoint: () => undefined },
  };
  const ownNames = new Set<string>(own ?? [...OWN.lanes, ...OWN.bodies, ...OWN.ledger]);
  const bound = Object.entries(everything).filter(([name]) => !name.endsWith("_EU") || ownNames.has(name));
  const namespaces: Readonly<Record<string, Namespace>> = {
    PARTITION: env.PARTITION,
    GUARD: env.GUARD,
    STREAM: streamObjects,
  };
  const pipeline = streams ? streamed : passedOn;
  const shop = defineSource({
    verify: stripe({ secrets: ["STRIPE_SECRET"] }),
    events: { paid },
    partitionBy: ({ payload }) => payload.customer,
    // Asks a guard for every event.
    quota: { perMinute: 6_000 },
    routes: (route) => [route("paid", pipeline)],
    ...options,
  });
  const gateway = wholeGateway(
    { sources: { shop }, models: { fast } },
    {
      STRIPE_SECRET: SECRET,
      ...Object.fromEntries(bound.map(([name, binding]) => [name, recorded(name, binding)])),
      ...Object.fromEntries(
        Object.entries(namespaces).map(([name, real]) => [name, watched(touched, name, real)]),
      ),
    },
    queues,
  );
  return { gateway, touched, asked, told };
}

function watched(touched: Touch[], binding: string, real: Namespace, jurisdiction = "none"): object {
  return {
    idFromName: (name: string) => real.idFromName(name),
    get: (id: unknown, options?: { readonly locationHint?: string }) => {
      touched.push({ binding, jurisdiction, hint: options?.locationHint ?? null });
      return real.get(id, options);
    },
    jurisdiction: (name: string) => watched(touched, binding, inside(real, name), name),
  };
}

/** Guards are other objects than those outside, as the platform has it; other names say the jurisdiction themselves. */
function inside(real: Namespace, jurisdiction: string): Namespace {
  return {
    idFromName: (name) => real.idFromName(name.startsWith("model:") ? `${jurisdiction}/${name}` : name),
    get: (id, options) => real.get(id, options),
  };
}

export const passedOn = definePipeline({
  name: "pass-on",
  input: paid,
  format: ({ input }) => ({ body: { id: input.id } }),
  deliver: ["out"],
});

const streamed = definePipeline({
  name: "pass-on",
  input: paid,
  infer: {
    model: "fast",
    promptVersion: "1",
    output: z.object({ label: z.string() }),
    stream: true,
    cacheTtlSeconds: 60,
    prompt: (input) => ({ instruction: "Sort.", data: { note: input.note } }),
  },
  format: ({ input }) => ({ body: { id: input.id } }),
  deliver: ["out"],
});

const fast = openaiCompatible({ baseUrl: "https://models.example/v1", model: "small" });

/** Stands in for the streams' objects, which would call the models of the example config. */
const ANSWER: RunOutcome = {
  kind: "answer",
  text: '{"label":"late"}',
  finishReason: "stop",
  usage: { inputTokens: 1, outputTokens: 1, estimated: false },
  modelId: "small",
  latencyMs: 1,
  firstTokenMs: 1,
};
const streamObjects: Namespace = {
  idFromName: (name) => name,
  get: () => ({
    run: async () => ANSWER,
    fetch: async () => new Response("event: done\n\n", { headers: { "content-type": "text/event-stream" } }),
  }),
};

let sent = 0;
export const newDelivery = () => `evt_${++sent}`;

export async function send(
  gateway: WholeGateway,
  place: Place,
  customer: string,
  note = "",
  id = newDelivery(),
) {
  const body = JSON.stringify({ id, type: "paid", customer, note });
  const signature = await stripeHeader(body, { seconds: Math.floor(Date.now() / 1_000) });
  const headers = { "content-type": "application/json", "stripe-signature": signature };
  const response = await gateway.post("shop", { body, headers, cf: PLACES[place] });
  expect(response.status).toBe(200);
  return answerSchema.parse(await response.json());
}

export const deliveredIds = (gateway: WholeGateway) =>
  gateway.queues.delivered.map(
    (message) => z.object({ body: z.object({ id: z.string() }) }).parse(message).body.id,
  );
