/**
 * Runs wrangler, the project's own. Nothing here knows what for. What it says must be whole: a log level that a parent set
 * for itself would take away the very lists that are asked for, so wrangler does not inherit it.
 */
import { spawn } from "node:child_process";
import { wranglerCommand } from "../project.ts";

export interface WranglerResult {
  readonly code: number;
  /** Of both outputs, while nobody watches. */
  readonly text: string;
}

export interface RunOptions {
  /** `show`: on this terminal, with its prompts. */
  readonly output: "keep" | "show";
  /** For what must not stand on a command line. */
  readonly input?: string;
}

export type RunWrangler = (args: readonly string[], options: RunOptions) => Promise<WranglerResult>;

/** @param folder the project's, where `wrangler.toml` is */
export function wranglerIn(folder: string): RunWrangler {
  const command = wranglerCommand(folder);
  const { WRANGLER_LOG: _, ...env } = process.env;
  return (args, options) => run(command, args, options, { cwd: folder, env });
}

function run(
  command: string,
  args: readonly string[],
  { output, input }: RunOptions,
  where: { readonly cwd: string; readonly env: NodeJS.ProcessEnv },
): Promise<WranglerResult> {
  return new Promise((resolve, reject) => {
    const stdin = input === undefined && output === "show" ? "inherit" : "pipe";
    const other = output === "show" ? "inherit" : "pipe";
    const child = spawn(process.execPath, [command, ...args], { ...where, stdio: [stdin, other, other] });
    const texts: string[] = [];
    child.stdout?.on("data", (chunk: Buffer) => texts.push(chunk.toString()));
    child.stderr?.on("data", (chunk: Buffer) => texts.push(chunk.toString()));
    child.stdin?.end(input ?? "");
    child.once("error", reject);
    child.once("close", (code) => resolve({ code: code ?? 1, text: texts.join("") }));
  });
}

/** As one would type it. */
export function quoteCommand(args: readonly string[]): string {
  return `npx wrangler ${args.map((arg) => (/^[\w@%+=:,./-]+$/.test(arg) ? arg : JSON.stringify(arg))).join(" ")}`;
}
