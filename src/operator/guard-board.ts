/** The guards that the config asks for: one per model endpoint, and per destination that names limits; a large limit has several. */
import type { GatewayConfig } from "../config/define-gateway.ts";
import { guardNames } from "../guard/names.ts";
import { operateGuardObject } from "../guard/operate.ts";
import { readGuard } from "../guard/read.ts";
import type { GuardBoard } from "./port.ts";

export function createGuardBoard(
  namespace: DurableObjectNamespace,
  config: Pick<GatewayConfig, "models" | "destinations">,
): GuardBoard {
  return {
    names: guardNames(config),
    read: (name) => readGuard(namespace, name),
    operate: (name, operation) => operateGuardObject(namespace, name, operation),
  };
}
