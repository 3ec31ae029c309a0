/**
 * What `.dev.vars` says to the demo. It wins, as everywhere: a real model is asked where it names one. What the demo signs
 * with, and where it looks for what was delivered, must be its own; a file that sets one of these is refused, not overruled.
 */
import { existsSync, readFileSync } from "node:fs";
import { parseEnv } from "node:util";

export interface DevVariables {
  readonly values: Readonly<Record<string, string>>;
  /** null: the stand-in model answers. */
  readonly modelUrl: string | null;
}

/**
 * @param own names that the demo gives values of its own
 * @throws Error that names what the demo cannot run with
 */
export function readDevVariables(file: string, own: readonly string[]): DevVariables {
  const parsed = existsSync(file) ? parseEnv(readFileSync(file, "utf8")) : {};
  const values = Object.fromEntries(
    Object.entries(parsed).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const])),
  );
  const taken = own.filter((name) => name in values);
  if (taken.length > 0) {
    throw new Error(
      `.dev.vars sets ${taken.join(", ")}: the demo signs with secrets of its own and looks for deliveries at its own receiver. ` +
        "Take that out of .dev.vars for the demo; `npm run dev` runs with it.",
    );
  }
  return { values, modelUrl: values["MODEL_BASE_URL"] ?? null };
}
