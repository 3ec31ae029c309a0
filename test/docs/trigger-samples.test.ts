/** Every sample that `sluice trigger` knows for the showcase is delivered by `sluice dev`: both as a newcomer runs them. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import * as z from "zod";
import { LOCAL_API_TOKEN } from "../../dev/lib/local-tokens.ts";
import { freePort } from "../../dev/lib/free-port.ts";
import { until } from "../support/e2e-until.ts";

const ROOT = path.join(import.meta.dirname, "../..");
const COMMAND = path.join(ROOT, "src/cli/main.ts");
let folder: string;
let url: string;
let dev: ChildProcess;

beforeAll(async () => {
  // A folder of its own, so that nobody's local storage is touched. Inside the repository, where its packages are.
  await mkdir(path.join(ROOT, ".wrangler"), { recursive: true });
  folder = await mkdtemp(path.join(ROOT, ".wrangler/docs-"));
  const toml = await readFile(path.join(ROOT, "wrangler.toml"), "utf8");
  await writeFile(
    path.join(folder, "wrangler.toml"),
    toml
      .replace(/^main = .*/m, `main = "${path.join(ROOT, "examples/showcase/src/index.ts")}"`)
      .replaceAll(/^migrations_dir = .*/gm, `migrations_dir = "${path.join(ROOT, "src/ledger/migrations")}"`),
  );
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  dev = spawn(process.execPath, [COMMAND, "dev", `--port=${port}`, "--model-port=0", "--sink-port=0"], {
    cwd: folder,
    stdio: "ignore",
  });
  await until(
    "sluice dev answers",
    () =>
      fetch(`${url}/healthz`).then(
        ({ ok }) => ok,
        () => false,
      ),
    120_000,
  );
});

afterAll(async () => {
  const ended = once(dev, "exit");
  dev.kill("SIGINT");
  await ended;
  await rm(folder, { recursive: true, force: true });
});

async function trigger(...args: readonly string[]): Promise<string> {
  const child = spawn(process.execPath, [COMMAND, "trigger", ...args], {
    cwd: folder,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => (text += chunk.toString()));
  await once(child, "close");
  return text;
}

const eventSchema = z.object({ state: z.string(), endedAtMs: z.nullable(z.number()), failure: z.unknown() });

async function ended(id: string) {
  return until(
    `${id} has ended`,
    async () => {
      const answer = await fetch(`${url}/v1/events/${id}`, {
        headers: { authorization: `Bearer ${LOCAL_API_TOKEN}` },
      });
      const event = eventSchema.safeParse(await answer.json());
      return event.success && event.data.endedAtMs !== null ? event.data : null;
    },
    120_000,
  );
}

it("each is taken, worked on and delivered", async () => {
  const list = (await trigger()).split("\n\n")[0] ?? "";
  const samples = [...list.matchAll(/^ {2}([a-z][\w-]*) +(\S.*)$/gm)].flatMap(([, source = "", types = ""]) =>
    types.split(", ").map((type) => [source, type] as const),
  );
  expect(samples.length).toBeGreaterThan(10);
  const sent: { readonly what: string; readonly id: string }[] = [];
  for (const [source, type] of samples) {
    const said = await trigger(source, type, "--to", url);
    expect(said, `${source} ${type}`).toMatch(/^200 /m);
    sent.push({
      what: `${source} ${type}`,
      id: /evt_\w+/.exec(said.slice(said.lastIndexOf("\n200 ")))?.[0] ?? "",
    });
  }
  const outcomes = await Promise.all(sent.map(async ({ what, id }) => ({ what, ...(await ended(id)) })));
  expect(outcomes.map(({ what, state, failure }) => ({ what, state, failure }))).toEqual(
    sent.map(({ what }) => ({ what, state: "done", failure: null })),
  );
});
