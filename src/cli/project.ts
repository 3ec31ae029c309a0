/** The project a command is called in: its `wrangler.toml`, its config, its local variables. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { parseEnv } from "node:util";
import type { Unstable_Config } from "wrangler";
import type { GatewayConfig } from "../config/gateway-options.ts";
import { loadConfig } from "./load-config.ts";

export interface Project {
  readonly folder: string;
  readonly wranglerFile: string;
  readonly config: GatewayConfig;
  /** `wrangler.toml` as wrangler reads it, one environment's own words applied. */
  readonly wranglerConfig: Unstable_Config;
  /** Its `[vars]`. */
  readonly variables: Readonly<Record<string, unknown>>;
  /** The lines of `.dev.vars`. They win over everything else while the gateway runs here. */
  readonly devVariables: Readonly<Record<string, string>>;
}

const WRANGLER_FILE = "wrangler.toml";
const CONFIG_FILE = "gateway.config.ts";

/**
 * @param folder where `wrangler.toml` is
 * @param environment one of its environments; undefined: its top level
 * @throws Error that says what is missing and where it should be
 */
export async function readProject(folder = process.cwd(), environment?: string): Promise<Project> {
  const wranglerFile = path.join(folder, WRANGLER_FILE);
  if (!existsSync(wranglerFile)) {
    throw new Error(
      `There is no ${WRANGLER_FILE} here. Go to the project's folder, or make one: sluice init <folder>`,
    );
  }
  const { unstable_readConfig: readConfig } = await import("wrangler");
  const wranglerConfig = readConfig(
    { config: wranglerFile, ...(environment === undefined ? {} : { env: environment }) },
    { hideWarnings: true },
  );
  const { main, vars } = wranglerConfig;
  if (main === undefined)
    throw new Error(`${WRANGLER_FILE} does not say \`main\`: the Worker's entry, src/index.ts`);
  const configFile = path.join(path.dirname(main), CONFIG_FILE);
  if (!existsSync(configFile))
    throw new Error(`There is no ${path.relative(folder, configFile)}, beside the entry`);
  const devVariablesFile = path.join(folder, ".dev.vars");
  return {
    folder,
    wranglerFile,
    config: await loadConfig(configFile),
    wranglerConfig,
    variables: vars,
    devVariables: existsSync(devVariablesFile)
      ? definedOnly(parseEnv(await readFile(devVariablesFile, "utf8")))
      : {},
  };
}

/** The project's own wrangler: the path of its command. */
export function wranglerCommand(folder: string): string {
  const manifest = createRequire(path.join(folder, "package.json")).resolve("wrangler/package.json");
  return path.join(path.dirname(manifest), "bin", "wrangler.js");
}

function definedOnly(variables: NodeJS.Dict<string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(variables).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}
