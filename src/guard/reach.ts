/** The way to a guard that operators name: inside its jurisdiction, and by no other way. Never throws. */
import { err, messageOf, type Result } from "../core/result.ts";
import type { NamedGuard } from "./names.ts";
import type { GuardFailure } from "./wire.ts";

export async function onNamedGuard<Value>(
  namespace: DurableObjectNamespace,
  { object, jurisdiction }: NamedGuard,
  ask: (namespace: DurableObjectNamespace, object: string) => Promise<Result<Value, GuardFailure>>,
): Promise<Result<Value, GuardFailure>> {
  try {
    const home = jurisdiction === "none" ? namespace : namespace.jurisdiction(jurisdiction);
    return await ask(home, object);
  } catch (thrown) {
    // Where the platform knows no jurisdictions, as a local one.
    return err({ code: "unreachable", message: messageOf(thrown) });
  }
}
