/** Why an event was accepted and yet cannot be worked on, in words that hold none of its payload. */
import type { EventEnvelope } from "../core/envelope.ts";
import type { PayloadIssue } from "./failure.ts";

export type Quarantine = NonNullable<EventEnvelope["quarantine"]>;

export function configFault(message: string): Quarantine {
  return { code: "config_function_threw", message };
}

export function schemaFault(type: string, issues: readonly PayloadIssue[]): Quarantine {
  const places = issues.map(({ path, code }) => `${path === "" ? "(root)" : path}: ${code}`).join(", ");
  return { code: "schema", message: `not a valid ${type}: ${places}`.slice(0, MAX_MESSAGE_CHARACTERS) };
}

const MAX_MESSAGE_CHARACTERS = 500;
