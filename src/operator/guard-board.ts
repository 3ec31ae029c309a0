/** The guards that the config asks for: one per model endpoint, and per destination that names limits; a large limit has several, and a jurisdiction
 * its own. */
import type { GatewayConfig } from "../config/gateway-options.ts";
import { err, type Result } from "../core/result.ts";
import { namedGuards } from "../guard/names.ts";
import { operateGuardObject } from "../guard/operate.ts";
import { onNamedGuard } from "../guard/reach.ts";
import { readGuard } from "../guard/read.ts";
import type { GuardFailure } from "../guard/wire.ts";
import type { GuardBoard } from "./port.ts";

export function createGuardBoard(
  namespace: DurableObjectNamespace,
  config: Pick<GatewayConfig, "models" | "destinations" | "sources">,
): GuardBoard {
  const byName = new Map(namedGuards(config).map((guard) => [guard.name, guard]));
  const on = async <Value>(
    name: string,
    ask: (home: DurableObjectNamespace, object: string) => Promise<Result<Value, GuardFailure>>,
  ): Promise<Result<Value, GuardFailure>> => {
    const guard = byName.get(name);
    if (guard === undefined) return err({ code: "refused", message: `there is no guard "${name}"` });
    return onNamedGuard(namespace, guard, ask);
  };
  return {
    names: [...byName.keys()],
    limits: (name) => byName.get(name)?.limits ?? {},
    read: (name) => on(name, readGuard),
    operate: (name, operation) => on(name, (home, object) => operateGuardObject(home, object, operation)),
  };
}
