/** The operator API over the real bindings, and events brought into the state a test needs. */
import { createExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import * as z from "zod";
import type { GatewayOptions } from "../../src/config/gateway-options.ts";
import type { EventEnvelope } from "../../src/core/envelope.ts";
import type { EventSummary } from "../../src/core/event-summary.ts";
import type { PartitionName } from "../../src/core/ids.ts";
import type { Action, LeaseView } from "../../src/core/partition/commands.ts";
import type { StoredOutput } from "../../src/core/partition/model.ts";
import { createGateway, type Gateway } from "../../src/worker.ts";
import { createProjection } from "../../src/ledger/projection.ts";
import { partitionStub } from "../../src/partition/stub.ts";
import { defineGateway, httpDestination, openaiCompatible } from "../../src/index.ts";
import { summaryFor, type SummaryOptions } from "../support/summaries.ts";

export const ADMIN_TOKEN = "the-bootstrap-token";

export interface OperatorAnswer {
  readonly status: number;
  readonly headers: Headers;
  // The routes' own schemas are what the tests look at.
  readonly body: Readonly<Record<string, unknown>>;
}

const bodySchema = z.record(z.string(), z.unknown());

export class Operator {
  private readonly gateway: Gateway;
  private readonly bindings: typeof env;

  constructor(overrides: Readonly<Record<string, unknown>> = {}, options: Partial<GatewayOptions> = {}) {
    const values: Readonly<Record<string, unknown>> = { SLUICE_ADMIN_TOKEN: ADMIN_TOKEN, ...overrides };
    this.bindings = new Proxy(env, {
      get: (bindings, name) =>
        typeof name === "string" && name in values ? values[name] : Reflect.get(bindings, name),
    });
    const crm = httpDestination({
      url: "https://crm.test",
      secret: "DELIVERY_SECRET",
      limits: { maxConcurrent: 2 },
    });
    const fast = openaiCompatible({ baseUrl: "https://model.test/v1", model: "m", limits: {} });
    this.gateway = createGateway(
      defineGateway({ sources: {}, models: { fast }, destinations: { crm }, ...options }),
    );
  }

  get(path: string, token = ADMIN_TOKEN): Promise<OperatorAnswer> {
    return this.call("GET", path, undefined, token);
  }

  post(path: string, body?: unknown, token = ADMIN_TOKEN): Promise<OperatorAnswer> {
    return this.call("POST", path, body, token);
  }

  put(path: string, body: unknown): Promise<OperatorAnswer> {
    return this.call("PUT", path, body, ADMIN_TOKEN);
  }

  async fetch(path: string, init: RequestInit = {}): Promise<Response> {
    const request = new Request(`https://sluice.test/admin/v1${path}`, init);
    return this.gateway.fetch(request, this.bindings, createExecutionContext());
  }

  scheduled(): Promise<void> {
    return this.gateway.scheduled({ cron: "* * * * *", scheduledTime: 0, noRetry: () => {} }, this.bindings);
  }

  private async call(method: string, path: string, body: unknown, token: string): Promise<OperatorAnswer> {
    const response = await this.fetch(path, {
      method,
      headers: { authorization: `Bearer ${token}` },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return {
      status: response.status,
      headers: response.headers,
      body: bodySchema.parse(await response.json()),
    };
  }
}

export const OUTPUT: StoredOutput = {
  v: 1,
  stageVersion: "echo@1",
  value: { score: 1 },
  body: { verdict: "hold" },
  type: "echo.completed",
  to: ["crm"],
  emits: [],
  model: null,
};

export function stubOf(partition: PartitionName) {
  return partitionStub(env.PARTITION, partition);
}

/** Stores the events and takes the lease over them. */
export async function leaseOver(...events: readonly EventEnvelope[]): Promise<LeaseView> {
  const [{ partition }] = events.length > 0 ? [events[0] ?? never()] : [never()];
  const request = crypto.randomUUID();
  const stub = stubOf(partition);
  const { lease } = await stub.offer({ v: 1, request, partition, driver: "test", events, wantLease: true });
  return lease ?? never();
}

function never(): never {
  throw new Error("the test's own events are missing");
}

export function say(partition: PartitionName, lease: LeaseView, ...actions: readonly Action[]) {
  return stubOf(partition).exchange({
    v: 1,
    request: crypto.randomUUID(),
    driver: "test",
    token: lease.token,
    holding: [],
    wantMore: false,
    actions,
  });
}

/** Brings one event to an end in its partition. */
export async function end(
  envelope: EventEnvelope,
  action: (id: EventEnvelope["id"]) => Action,
): Promise<void> {
  const lease = await leaseOver(envelope);
  await say(envelope.partition, lease, action(envelope.id));
}

export async function tell(options: SummaryOptions): Promise<EventSummary> {
  const summary = await summaryFor(options);
  await createProjection(env.LEDGER, "rows").project([summary]);
  return summary;
}
