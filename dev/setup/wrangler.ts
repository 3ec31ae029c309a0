/** Runs wrangler, the project's own. Nothing here knows what for. */
import { spawn } from "node:child_process";
import path from "node:path";

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

const WRANGLER = path.join(import.meta.dirname, "../../node_modules/wrangler/bin/wrangler.js");

export const runWrangler: RunWrangler = (args, { output, input }) =>
  new Promise((resolve, reject) => {
    const stdin = input === undefined && output === "show" ? "inherit" : "pipe";
    const other = output === "show" ? "inherit" : "pipe";
    const child = spawn(process.execPath, [WRANGLER, ...args], { stdio: [stdin, other, other] });
    const texts: string[] = [];
    child.stdout?.on("data", (chunk: Buffer) => texts.push(chunk.toString()));
    child.stderr?.on("data", (chunk: Buffer) => texts.push(chunk.toString()));
    child.stdin?.end(input ?? "");
    child.once("error", reject);
    child.once("close", (code) => resolve({ code: code ?? 1, text: texts.join("") }));
  });

/** As one would type it. */
export function quoteCommand(args: readonly string[]): string {
  return `npx wrangler ${args.map((arg) => (/^[\w@%+=:,./-]+$/.test(arg) ? arg : JSON.stringify(arg))).join(" ")}`;
}
