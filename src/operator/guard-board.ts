/** The guards that the config asks for: one per model, and per destination that names limits. */
import type { GatewayConfig } from "../config/define-gateway.ts";
import { operateGuardObject } from "../guard/operate.ts";
import { readGuard } from "../guard/read.ts";
import type { GuardBoard } from "./port.ts";

export function createGuardBoard(
  namespace: DurableObjectNamespace,
  { models, destinations }: Pick<GatewayConfig, "models" | "destinations">,
): GuardBoard {
  const limited = [...destinations].filter(([, { limits }]) =>
    Object.values(limits).some((limit) => limit !== undefined),
  );
  return {
    names: [
      ...[...models.keys()].map((name) => `model:${name}`),
      ...limited.map(([name]) => `destination:${name}`),
    ],
    read: (name) => readGuard(namespace, name),
    operate: (name, operation) => operateGuardObject(namespace, name, operation),
  };
}
