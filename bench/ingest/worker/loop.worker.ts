/**
 * The handlers alone, over and over inside one Worker: no HTTP, and lanes that take a message and forget it. What it costs
 * to serialise one for a queue is part of it.
 */
import bare, { type BareEnv } from "./bare.worker.ts";
import floor from "./floor.worker.ts";
import gateway, { StreamObject } from "./gateway.worker.ts";
import type { GatewayEnv } from "../../../src/env.ts";

export { GuardObject, PartitionObject, StreamIndexObject } from "../../../src/worker.ts";
export { StreamObject };

const encoder = new TextEncoder();
const lane = {
  send: async (message: unknown) => void encoder.encode(JSON.stringify(message)),
  sendBatch: async () => {},
};

interface Work {
  readonly who: "gateway" | "floor" | "bare" | "nobody";
  readonly count: number;
  readonly body: string;
  readonly signature: string;
}

export default {
  async fetch(request: Request, env: GatewayEnv, context: ExecutionContext): Promise<Response> {
    if (request.method !== "POST") return new Response(null);
    const { who, count, body, signature } = await request.json<Work>();
    const bytes = encoder.encode(body);
    const headers = {
      "content-type": "application/json; charset=utf-8",
      "stripe-signature": signature,
      "content-length": String(bytes.length),
    };
    const lanes = { LANE: lane, LANE_HIGH: lane, LANE_NORMAL: lane, LANE_LOW: lane, TELEMETRY: lane };
    const own = Object.assign(Object.create(env), lanes) as GatewayEnv & BareEnv; // the env, with other lanes
    let accepted = 0;
    for (let n = 0; n < count; n++) {
      const received = new Request("https://gateway.test/in/stripe", {
        method: "POST",
        headers,
        body: bytes,
      });
      if (who === "nobody") accepted += received.headers.has("stripe-signature") ? 1 : 0;
      else {
        const answer = await (who === "gateway"
          ? gateway.fetch(received, own, context)
          : (who === "floor" ? floor : bare).fetch(received, own));
        accepted += answer.ok ? 1 : 0;
      }
    }
    return Response.json({ accepted });
  },
};
