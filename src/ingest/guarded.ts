/** Calls to functions a deployer wrote in the config: a throw becomes a value, and the event is quarantined. */
import { err, ok, type Result } from "../core/result.ts";

/**
 * The error says which function failed and with what kind of error, never with what message: that may quote
 * the payload.
 */
export function callConfig<Value>(name: string, call: () => Value): Result<Value, string> {
  try {
    return ok(call());
  } catch (thrown) {
    const kind = thrown instanceof Error ? thrown.name.slice(0, MAX_NAME_CHARACTERS) : typeof thrown;
    return err(`${name} threw ${kind}`);
  }
}

const MAX_NAME_CHARACTERS = 64;
