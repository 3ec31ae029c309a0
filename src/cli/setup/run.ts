/** Carries a plan out, step by step, and stops at the first that fails. What is there already is left as it is. */
import type { Step } from "./plan.ts";
import { quoteCommand, type RunWrangler } from "./wrangler.ts";

export interface SetupScreen {
  say(line: string): void;
}

/** @returns false when a step failed; wrangler's own words have been shown */
export async function runSteps(
  steps: readonly Step[],
  wrangler: RunWrangler,
  screen: SetupScreen,
): Promise<boolean> {
  for (const { what, check, create, adjust } of steps) {
    const isThere = check !== null && (await wrangler(check, { output: "keep" })).code === 0;
    const command = isThere ? adjust : create;
    if (command === null) {
      screen.say(`✓ ${what}: is there`);
      continue;
    }
    screen.say(`${isThere ? "✓" : "+"} ${what}: ${quoteCommand(command)}`);
    const isQuiet = isThere;
    const { code, text } = await wrangler(command, { output: isQuiet ? "keep" : "show" });
    if (code === 0) continue;
    screen.say(`✗ ${what} failed. Mend it and start again: what is done stays done.\n${text}`);
    return false;
  }
  return true;
}

/** The commands alone, for reading or for a pipeline of one's own. */
export function showSteps(steps: readonly Step[], screen: SetupScreen): void {
  for (const { what, check, create, adjust } of steps) {
    screen.say(`# ${what}${check === null ? "" : ` (unless ${quoteCommand(check)} succeeds)`}`);
    screen.say(quoteCommand(create));
    if (adjust !== null) screen.say(`# else: ${quoteCommand(adjust)}`);
  }
}
