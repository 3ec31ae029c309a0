/** Holds every command of a plan against the help of the wrangler that is installed. Needs no account and no network. */
import type { Step } from "./plan.ts";
import type { SetupScreen } from "./run.ts";
import type { RunWrangler } from "./wrangler.ts";

export async function checkCommands(
  steps: readonly Step[],
  wrangler: RunWrangler,
  screen: SetupScreen,
): Promise<boolean> {
  const commands = steps.flatMap(({ check, create, adjust }) => [check ?? [], create, adjust ?? []]);
  const optionsByCommand = new Map<string, Set<string>>();
  for (const args of [
    ...commands,
    ["whoami", "--json"],
    ["secret", "bulk"],
    ["secret", "list", "--format"],
  ]) {
    if (args.length === 0) continue;
    const words = wordsOf(args).join(" ");
    const options = optionsByCommand.get(words) ?? new Set();
    optionsByCommand.set(words, options);
    for (const arg of args) if (arg.startsWith("--")) options.add(arg.split("=", 1).join());
  }
  let isGood = true;
  for (const [words, options] of optionsByCommand) {
    const { code, text } = await wrangler([...words.split(" "), "--help"], { output: "keep" });
    const unknown = [...options].filter((option) => !new RegExp(`${option}\\b`).test(text));
    const isKnown = code === 0 && text.includes(`wrangler ${words}`) && unknown.length === 0;
    if (!isKnown) isGood = false;
    screen.say(`${isKnown ? "✓" : "✗"} wrangler ${words} ${[...options].join(" ")}`);
  }
  return isGood;
}

/** `d1 migrations apply sluice-ledger --remote` → `d1 migrations apply`: what comes before the names of things. */
function wordsOf(args: readonly string[]): string[] {
  const known = COMMANDS.find((command) => command.every((word, at) => args[at] === word));
  if (known === undefined) throw new Error(`an unknown command: ${args.join(" ")}`);
  return [...known];
}

const COMMANDS = [
  ["queues", "info"],
  ["queues", "create"],
  ["queues", "update"],
  ["r2", "bucket", "info"],
  ["r2", "bucket", "create"],
  ["d1", "info"],
  ["d1", "create"],
  ["d1", "migrations", "apply"],
  ["deploy"],
  ["whoami"],
  ["secret", "bulk"],
  ["secret", "list"],
] as const;
