/** What `env` and `exports` of `cloudflare:workers` are in tests, as `wrangler types` would write it. */
import type { GatewayEnv } from "../../src/env.ts";
import type * as main from "./worker.ts";

declare global {
  namespace Cloudflare {
    interface Env extends GatewayEnv {}
    interface GlobalProps {
      mainModule: typeof main;
    }
  }
}
