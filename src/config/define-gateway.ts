/**
 * The whole config, checked. A wrong config fails when the Worker is loaded, with one message that names the key and the mend.
 */
import { checkGateway } from "./check-gateway.ts";
import { checkShape } from "./check-shape.ts";
import type { GatewayConfig, GatewayOptions } from "./gateway-options.ts";
import { GATEWAY_SHAPE } from "./shapes.ts";

/** @throws ConfigError when a name is unknown, taken twice or malformed */
export function defineGateway(options: GatewayOptions): GatewayConfig {
  checkShape("defineGateway", GATEWAY_SHAPE, options);
  return checkGateway(options);
}
