/**
 * `sluice setup` and `sluice deploy`. Setup makes everything a deployment needs, from nothing and again without harm: queues
 * with their retention, R2, D1 and its tables, the Worker with KV and Durable Objects, secrets and the first tokens. Deploy
 * is every later release: the tables first, then the Worker. Neither deploys a config that cannot work.
 */
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { parseEnv } from "node:util";
import * as z from "zod";
import { readinessOf, type Wrong } from "../../services/readiness.ts";
import { readProject, type Project } from "../project.ts";
import { checkCommands } from "./check-commands.ts";
import { planSteps, type Step } from "./plan.ts";
import { runSteps, showSteps, type SetupScreen } from "./run.ts";
import { planSecrets } from "./secrets.ts";
import { quoteCommand, wranglerIn, type RunWrangler } from "./wrangler.ts";

export interface SetupOptions {
  /** An environment of `wrangler.toml`; undefined: its top level. */
  readonly env?: string;
  /** Print the commands, run none. */
  readonly dryRun?: boolean;
  /** Hold the commands against the installed wrangler's help, run none. */
  readonly checkCommands?: boolean;
  /** false: everything but the Worker and its secrets. */
  readonly deploy?: boolean;
  readonly retentionDays: number;
  /** Where all data has to stay by law; undefined: anywhere. */
  readonly jurisdiction?: string;
  /** A file of `NAME=value` lines. */
  readonly secrets?: string;
}

const DAY_SECONDS = 86_400;
const EXIT_FAILED = 1;

/** In Cloudflare's Secrets Store: set there, bound here. */
const storedSecretsSchema = z.array(z.object({ binding: z.string() }));
/** Wrangler's own type leaves the name open. */
const bucketSchema = z.object({
  bucket_name: z.optional(z.string()),
  jurisdiction: z.optional(z.string()),
});

/** What a run of either command works on. */
interface Run {
  readonly project: Project;
  readonly steps: readonly Step[];
  readonly wrangler: RunWrangler;
  readonly screen: SetupScreen;
  /** Said even where it is none: wrangler warns of a choice left open. */
  readonly environmentArgs: readonly string[];
  /** Bindings whose values are in `wrangler.toml`, or in the Secrets Store. */
  readonly stored: readonly string[];
  readonly given: Readonly<Record<string, string>>;
}

/** @returns the exit code */
export async function setUp(options: SetupOptions, screen: SetupScreen, folder?: string): Promise<number> {
  const run = await prepare(options, screen, folder);
  const { steps, wrangler, environmentArgs } = run;
  if (options.checkCommands === true) return (await checkCommands(steps, wrangler, screen)) ? 0 : EXIT_FAILED;
  if (options.dryRun === true) {
    showSteps(steps, screen);
    screen.say(`# secrets, as JSON on its input\n${quoteCommand(["secret", "bulk", ...environmentArgs])}`);
    return 0;
  }
  if (options.deploy !== false && !canWork(run)) return EXIT_FAILED;
  if (!(await isLoggedIn(run))) return EXIT_FAILED;
  if (!(await runSteps(steps, wrangler, screen))) return EXIT_FAILED;
  return options.deploy === false ? 0 : setSecrets(run);
}

/** @returns the exit code */
export async function deploy(
  options: Pick<SetupOptions, "env">,
  screen: SetupScreen,
  folder?: string,
): Promise<number> {
  const run = await prepare({ ...options, retentionDays: 1 }, screen, folder);
  if (!canWork(run) || !(await isLoggedIn(run))) return EXIT_FAILED;
  const releases = run.steps.filter(({ kind }) => kind === "release");
  if (!(await runSteps(releases, run.wrangler, screen))) return EXIT_FAILED;
  screen.say(
    `To go back: ${quoteCommand(["rollback", ...run.environmentArgs, "--durable-objects-code-update-mode=immediate"])}`,
  );
  return 0;
}

async function prepare(options: SetupOptions, screen: SetupScreen, folder?: string): Promise<Run> {
  const project = await readProject(folder, options.env);
  const { wranglerConfig } = project;
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
      environment: options.env ?? null,
      retentionSeconds: Math.round(options.retentionDays * DAY_SECONDS),
      jurisdiction: options.jurisdiction ?? null,
      deploy: options.deploy !== false,
    },
  );
  const stored = storedSecretsSchema
    .parse(wranglerConfig.secrets_store_secrets ?? [])
    .map(({ binding }) => binding);
  return {
    project,
    steps,
    wrangler: wranglerIn(project.folder),
    screen,
    environmentArgs: [`--env=${options.env ?? ""}`],
    stored: [...Object.keys(project.variables), ...stored, ...boundNames(project)],
    given: options.secrets === undefined ? {} : await readSecrets(options.secrets),
  };
}

/** Queues and namespaces that the config may name. */
function boundNames({ wranglerConfig }: Project): string[] {
  const producers = wranglerConfig.queues.producers ?? [];
  return [...producers, ...wranglerConfig.kv_namespaces].map(({ binding }) => binding);
}

/** Says what cannot work, as far as it can be seen before a deploy: secrets that are set cannot be read. */
function canWork({ project, stored, given, screen }: Run): boolean {
  const value = (name: string) => {
    const own: unknown = given[name] ?? project.variables[name];
    return typeof own === "string" ? own : undefined;
  };
  const has = (name: string) => stored.includes(name) || name in given;
  const { wrong, missing } = readinessOf(project.config, { has, value }, true);
  for (const { part, binding, problem } of wrong) screen.say(`✗ ${nameOf({ part, binding })} ${problem}`);
  // A queue is bound in wrangler.toml, and nowhere else: it will not come later, as a secret does.
  const queues = [...project.config.destinations.values()].flatMap((destination) =>
    destination.kind === "queue" ? destination.binding : [],
  );
  const unbound = missing.filter(({ binding }) => queues.includes(binding));
  for (const { part, binding } of unbound) {
    screen.say(`✗ ${binding} (${part}) is no queue of wrangler.toml: add it under [[queues.producers]]`);
  }
  const isRight = wrong.length + unbound.length === 0;
  if (!isRight) screen.say("Nothing was changed. Set what is wrong, and start again.");
  return isRight;
}

function nameOf({ part, binding }: Pick<Wrong, "part"> & { readonly binding: string | undefined }): string {
  return binding === undefined ? part : `${binding} (${part})`;
}

async function isLoggedIn({ wrangler, screen }: Run): Promise<boolean> {
  if ((await wrangler(["whoami", "--json"], { output: "keep" })).code === 0) return true;
  screen.say(
    "Nobody is logged in. Run `npx wrangler login`, or set CLOUDFLARE_API_TOKEN and CLOUDFLARE_ACCOUNT_ID. " +
      "The account needs the Workers Paid plan: Sluice uses queues beyond what the Free plan has.",
  );
  return false;
}

async function setSecrets(run: Run): Promise<number> {
  const { project, wrangler, environmentArgs, stored, given, screen } = run;
  const { config } = project;
  const listed = await wrangler(["secret", "list", "--format", "json", ...environmentArgs], {
    output: "keep",
  });
  const names = listed.code === 0 ? secretNames(listed.text) : null;
  if (names === null) {
    screen.say(`✗ the secrets that are set could not be listed\n${listed.text}`);
    return EXIT_FAILED;
  }
  const known = new Set([...names, ...stored]);
  const has = (name: string) => known.has(name) || name in given;
  const { missing } = readinessOf(config, { has, value: () => undefined }, true);
  // Ours, and needed by no part of the config alone.
  const own = [...config.adminTokens.slice(0, 1), "SLUICE_STREAM_SECRET"].filter((name) => !known.has(name));
  const plan = planSecrets(config, missing, given, own, randomBytes);
  const set = Object.keys(plan.set);
  if (set.length > 0) {
    screen.say(`+ secrets: ${set.join(", ")}`);
    const bulk = ["secret", "bulk", ...environmentArgs];
    const done = await wrangler(bulk, { output: "keep", input: JSON.stringify(plan.set) });
    if (done.code !== 0) {
      screen.say(`✗ the secrets could not be set\n${done.text}`);
      return EXIT_FAILED;
    }
  }
  for (const name of plan.made) screen.say(`  ${name}=${plan.set[name]}   (made now; shown this once)`);
  for (const { part, binding, effect } of plan.asked) {
    const put = quoteCommand(["secret", "put", binding, ...environmentArgs]);
    screen.say(`? ${binding} (${part}): ${put}   until then ${effect}`);
  }
  screen.say("Next: npx sluice smoke --url https://<the Worker's address> --token <SLUICE_API_TOKEN>");
  return 0;
}

/** @returns null when the text holds no list: wrangler may say more around it, but never nothing */
function secretNames(text: string): string[] | null {
  const start = text.indexOf("[");
  const end = text.lastIndexOf("]");
  if (start === -1 || end < start) return null;
  return z
    .array(z.object({ name: z.string() }))
    .parse(JSON.parse(text.slice(start, end + 1)))
    .map(({ name }) => name);
}

async function readSecrets(file: string): Promise<Record<string, string>> {
  return z.record(z.string(), z.string()).parse(parseEnv(await readFile(file, "utf8")));
}
