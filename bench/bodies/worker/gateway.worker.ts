/**
 * A gateway for `npm run bench:bodies`: sources that take large bodies, as GitHub sends them, and a pipeline that looks at all of
 * a payload. On the sync route the same isolate does both.
 */
import * as z from "zod";
import type { GatewayEnv } from "../../../src/env.ts";
import {
  defineGateway,
  definePipeline,
  defineSource,
  github,
  gitlab,
  queueDestination,
} from "../../../src/index.ts";
import { createGateway, createStreamObject } from "../../../src/worker.ts";

export { GuardObject, PartitionObject, StreamIndexObject } from "../../../src/worker.ts";

const push = z.looseObject({ id: z.string() });
const measured = definePipeline({
  name: "measured",
  input: push,
  format: ({ input }) => ({ body: { fields: Object.keys(input).length } }),
  deliver: ["out"],
});
const config = defineGateway({
  sources: {
    queued: defineSource({
      verify: github({ secrets: ["SECRET"] }),
      events: { push },
      partitionBy: ({ payload }) => payload.id,
      routes: (route) => [route("push", measured)],
    }),
    asked: defineSource({
      verify: gitlab({ secrets: ["SECRET"] }),
      events: { push },
      partitionBy: ({ payload }) => payload.id,
      routes: (route) => [
        route("push", measured, { mode: "sync", deadlineMs: 20_000, default: { fields: 0 } }),
      ],
    }),
  },
  models: {},
  pipelines: [measured],
  destinations: { out: queueDestination({ binding: "TELEMETRY" }) },
});

export class StreamObject extends createStreamObject(config) {}

const gateway = createGateway(config);

interface Env extends GatewayEnv {
  readonly STORE: { fetch(url: string, init?: RequestInit): Promise<Response> };
}

const storeOf = ({ STORE }: Env) => ({
  async put(key: string, bytes: Uint8Array<ArrayBuffer>) {
    const { ok } = await STORE.fetch(`http://store/${key}`, { method: "PUT", body: bytes });
    if (!ok) throw new Error("the store does not answer");
  },
  async get(key: string) {
    const response = await STORE.fetch(`http://store/${key}`);
    return response.ok ? response : null;
  },
  delete: async () => {},
});
let gatewayEnv: GatewayEnv | undefined;

export default {
  fetch(request: Request, own: Env, context: ExecutionContext): Promise<Response> {
    // One for all requests: the gateway keeps its services by it.
    gatewayEnv ??= Object.assign(Object.create(own), { PAYLOADS: storeOf(own) }) as GatewayEnv; // the env, with another bucket
    return gateway.fetch(request, gatewayEnv, context);
  },
};
