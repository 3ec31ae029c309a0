/** Readers of arguments that several commands share. */
import { readFile } from "node:fs/promises";
import { InvalidArgumentError, Option } from "commander";
import { packageFile } from "./package-file.ts";

const MAX_PORT = 65_535;
const MAX_RETENTION_DAYS = 14;

export function portOption(flags: string, description: string): Option {
  return new Option(flags, description).argParser((text: string) => {
    const port = Number(text);
    if (Number.isInteger(port) && port >= 0 && port <= MAX_PORT && text.trim() !== "") return port;
    throw new InvalidArgumentError(`It must be a whole number from 0 to ${MAX_PORT}.`);
  });
}

/** Days that a queue keeps a message: https://developers.cloudflare.com/queues/platform/limits/ */
export function retentionDays(text: string): number {
  const days = Number(text);
  if (text.trim() !== "" && days > 0 && days <= MAX_RETENTION_DAYS) return days;
  throw new InvalidArgumentError(`It must be a number above 0 and at most ${MAX_RETENTION_DAYS}.`);
}

/** The package's own version. */
export async function version(): Promise<string> {
  const manifest: unknown = JSON.parse(await readFile(packageFile("package.json"), "utf8"));
  if (typeof manifest === "object" && manifest !== null && "version" in manifest)
    return String(manifest.version);
  throw new Error("package.json of sluice names no version");
}
