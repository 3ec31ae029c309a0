/**
 * The Worker's bindings as the platform hands them over: types only. `services.ts` turns them into services
 * and checks at run time what types cannot promise (secrets and variables are strings or absent).
 */

import type { PartitionNamespace } from "./partition/stub.ts";
import type { StreamIndexNamespace } from "./streaming/start-gate.ts";
import type { StreamNamespace } from "./streaming/stub.ts";

/** What `wrangler.toml` binds. Secrets, variables and lane shards are reached by name, through `binding()`. */
export interface GatewayEnv {
  readonly LANE_HIGH: Queue;
  readonly LANE_NORMAL: Queue;
  readonly LANE_LOW: Queue;
  readonly PARTITION: PartitionNamespace;
  readonly GUARD: DurableObjectNamespace;
  readonly STREAM: StreamNamespace;
  readonly STREAM_INDEX: StreamIndexNamespace;
  readonly RESULTS: KVNamespace;
  readonly IDEMPOTENCY: KVNamespace;
  readonly PAYLOADS: R2Bucket;
  readonly TELEMETRY: Queue;
  readonly LEDGER: D1Database;
}
