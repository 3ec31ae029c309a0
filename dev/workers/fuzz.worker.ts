/**
 * The gateway for `npm run fuzz:ingest`: every sender, with a stand-in for Amazon's certificate host, and lanes whose
 * messages are only looked at. What is wrong with one is an error in the log.
 */
import { env } from "cloudflare:workers";
import { createGateway, createStreamObject } from "../../src/worker.ts";
import type { GatewayEnv } from "../../src/env.ts";
import { parseLaneMessage } from "../../src/lanes/wire/message.ts";
import { SNS_CERTIFICATE_URL } from "../senders/sign-platforms.ts";
import { everySenderConfig } from "./every-sender.ts";

export { GuardObject, PartitionObject, StreamIndexObject } from "../../src/worker.ts";

const config = everySenderConfig();

export class StreamObject extends createStreamObject(config) {}

const gateway = createGateway(config);
const text = (name: string): string => String(Reflect.get(env, name) ?? "");

// The gateway looks `fetch` up when it calls it.
globalThis.fetch = async (input) => {
  const { url } = new Request(input);
  if (url === SNS_CERTIFICATE_URL) return new Response(text("SNS_CERTIFICATE"));
  return new Response(null, { status: 404 });
};

// The local R2 keeps what it is given in the runtime's memory, where it would hide a leak: large bodies are dropped.
const dropping = { PAYLOADS: { get: async () => null, put: async () => null, delete: async () => {} } };
let gatewayEnv: GatewayEnv | undefined;

export default {
  fetch(request: Request, own: GatewayEnv, context: ExecutionContext): Promise<Response> {
    // One for all requests: the gateway keeps its services by it.
    gatewayEnv ??= Object.assign(Object.create(own), dropping) as GatewayEnv; // the env, with another bucket
    return gateway.fetch(request, gatewayEnv, context);
  },
  queue(batch: MessageBatch) {
    const secrets = text("SECRETS_NEVER_SEEN").split("\n");
    for (const { body } of batch.messages) {
      // Telemetry has messages of its own.
      const message = batch.queue.endsWith("-telemetry") ? null : parseLaneMessage(body);
      if (message?.ok === false) console.error(`a message cannot be read: ${message.error}`);
      const written = JSON.stringify(body);
      const seen = secrets.findIndex((secret) => secret !== "" && written.includes(secret));
      if (seen !== -1) console.error(`a message holds secret ${seen}`);
    }
    batch.ackAll();
  },
};
