/** The guard's client as the gateway makes it: queueing, over shards, through itty-durable. */
import { callGuard } from "./call.ts";
import type { GuardClient } from "./port.ts";
import { QueueingGuardClient, type QueueingClientOptions } from "./queueing-client.ts";
import { shardedGuard, type ShardHomes } from "./shards.ts";

export interface GuardClientOptions extends Omit<QueueingClientOptions, "send"> {
  readonly namespace: DurableObjectNamespace;
  /** Which shards this isolate asks. Default: by chance for each client. */
  readonly homes?: ShardHomes;
}

/** One per invocation: its queue is flushed when the invocation's work is done. */
export function createGuardClient(options: GuardClientOptions): GuardClient {
  const { namespace, homes = new Map(), ...rest } = options;
  const client = new QueueingGuardClient({
    schedule,
    ...rest,
    send: (call) => callGuard(namespace, call),
  });
  return shardedGuard(client, homes, options.random);
}

function schedule(delayMs: number, action: () => void): () => void {
  const timer = setTimeout(action, delayMs);
  return () => clearTimeout(timer);
}
