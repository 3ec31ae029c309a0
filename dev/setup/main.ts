/**
 * `npm run setup -- [--env staging] [--dry-run] [--secrets FILE]`: everything a deployment needs, from nothing, and again
 * without harm: queues with their retention, R2, D1 and its migrations, the Worker with KV and Durable Objects, secrets
 * and the first tokens. `--dry-run` prints the wrangler commands and runs none.
 */
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { parseEnv } from "node:util";
import * as z from "zod";
import { readinessOf } from "../../src/operator/readiness.ts";
import { commandLine } from "../lib/command-line.ts";
import { loadConfig } from "../../src/cli/load-config.ts";
import { checkCommands } from "./check-commands.ts";
import { planSteps } from "./plan.ts";
import { runSteps, showSteps } from "./run.ts";
import { planSecrets } from "./secrets.ts";
import { quoteCommand, runWrangler } from "./wrangler.ts";

/** In Cloudflare's Secrets Store: set there, bound here. */
const storedSecretsSchema = z.array(z.object({ binding: z.string() }));
/** Wrangler's own type leaves the name open. */
const bucketSchema = z.object({
  bucket_name: z.optional(z.string()),
  jurisdiction: z.optional(z.string()),
});

const DAY_SECONDS = 86_400;
const CONFIG_FILE = "examples/showcase/src/gateway.config.ts";
const USAGE = `npm run setup -- [options]
  --env NAME           an environment of wrangler.toml, such as staging; default: its top level
  --dry-run            print the wrangler commands, run none
  --check-commands     hold them against the installed wrangler's help, run none
  --no-deploy          everything but the Worker and its secrets
  --retention-days 14  how long the queues keep a message
  --jurisdiction NAME  where all data has to stay: eu, us or fedramp; default: anywhere
  --secrets FILE       secrets to set, as NAME=value lines`;

const { values, number } = commandLine(USAGE, {
  options: {
    env: { type: "string" },
    "dry-run": { type: "boolean", default: false },
    "check-commands": { type: "boolean", default: false },
    "no-deploy": { type: "boolean", default: false },
    "retention-days": { type: "string", default: "14" },
    jurisdiction: { type: "string" },
    secrets: { type: "string" },
  },
});
const retentionDays = number("--retention-days", values["retention-days"], { atLeast: 0.001 });

// Before wrangler is loaded: its own notes are not ours.
process.env["WRANGLER_LOG"] ??= "error";
const { unstable_readConfig: readConfig } = await import("wrangler");

const config = await loadConfig(CONFIG_FILE);
/** Ours, and needed by no part of the config alone. */
const OWN_SECRETS = [...config.adminTokens.slice(0, 1), "SLUICE_STREAM_SECRET"];

const screen = { say: (line: string) => console.log(line) };
const environment = values.env ?? null;
process.exitCode = await setUp();

async function setUp(): Promise<number> {
  const wranglerConfig = readConfig({
    config: "wrangler.toml",
    ...(environment === null ? {} : { env: environment }),
  });
  const steps = planSteps(
    {
      name: wranglerConfig.name ?? "sluice",
      queues: {
        producers: wranglerConfig.queues.producers ?? [],
        consumers: wranglerConfig.queues.consumers ?? [],
      },
      d1_databases: wranglerConfig.d1_databases,
      r2_buckets: wranglerConfig.r2_buckets.map((bucket: unknown) => bucketSchema.parse(bucket)),
    },
    {
      environment,
      retentionSeconds: Math.round(retentionDays * DAY_SECONDS),
      jurisdiction: values.jurisdiction ?? null,
      deploy: !values["no-deploy"],
    },
  );
  if (values["check-commands"]) return (await checkCommands(steps, runWrangler, screen)) ? 0 : 1;
  const environmentArgs = [`--env=${environment ?? ""}`];
  if (values["dry-run"]) {
    showSteps(steps, screen);
    screen.say(`# secrets, as JSON on its input\n${quoteCommand(["secret", "bulk", ...environmentArgs])}`);
    return 0;
  }
  if ((await runWrangler(["whoami", "--json"], { output: "keep" })).code !== 0) {
    screen.say(
      "Nobody is logged in. Run `npx wrangler login`, or set CLOUDFLARE_API_TOKEN and CLOUDFLARE_ACCOUNT_ID.",
    );
    return 1;
  }
  if (!(await runSteps(steps, runWrangler, screen))) return 1;
  const stored = storedSecretsSchema
    .parse(wranglerConfig.secrets_store_secrets ?? [])
    .map(({ binding }) => binding);
  return values["no-deploy"]
    ? 0
    : setSecrets(environmentArgs, [...Object.keys(wranglerConfig.vars), ...stored]);
}

async function setSecrets(environmentArgs: readonly string[], bound: readonly string[]): Promise<number> {
  const listed = await runWrangler(["secret", "list", "--format", "json", ...environmentArgs], {
    output: "keep",
  });
  const known = new Set(listed.code === 0 ? secretNames(listed.text) : []);
  for (const name of bound) known.add(name);
  const given = values.secrets === undefined ? {} : await readSecrets(values.secrets);
  const { missing } = readinessOf(config, (name) => (known.has(name) || name in given ? "set" : undefined));
  const ours = OWN_SECRETS.filter((name) => !known.has(name));
  const plan = planSecrets(config, missing, given, ours, randomBytes);
  const names = Object.keys(plan.set);
  if (names.length > 0) {
    screen.say(`+ secrets: ${names.join(", ")}`);
    const bulk = ["secret", "bulk", ...environmentArgs];
    const done = await runWrangler(bulk, { output: "keep", input: JSON.stringify(plan.set) });
    if (done.code !== 0) {
      screen.say(`✗ the secrets could not be set\n${done.text}`);
      return 1;
    }
  }
  for (const name of plan.made) screen.say(`  ${name}=${plan.set[name]}   (made now; shown this once)`);
  for (const { part, binding, effect } of plan.asked) {
    screen.say(
      `? ${binding} (${part}): ${quoteCommand(["secret", "put", binding, ...environmentArgs])}   until then ${effect}`,
    );
  }
  screen.say("Next: npm run smoke -- --url https://<the Worker's address> --token <SLUICE_API_TOKEN>");
  return 0;
}

/** The list alone: wrangler may say more around it. */
function secretNames(text: string): string[] {
  const json = text.slice(text.indexOf("["), text.lastIndexOf("]") + 1);
  return z
    .array(z.object({ name: z.string() }))
    .parse(JSON.parse(json))
    .map(({ name }) => name);
}

async function readSecrets(file: string): Promise<Record<string, string>> {
  return z.record(z.string(), z.string()).parse(parseEnv(await readFile(file, "utf8")));
}
