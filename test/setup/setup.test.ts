/**
 * `sluice setup` and `sluice deploy` with the real wrangler, against a stand-in for Cloudflare's API: what a deployer runs, and
 * what is in the account afterwards.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runWorker } from "../../dev/cloudflare-api/run-worker.ts";
import { startCloudflareApi, type CloudflareApi } from "../../dev/cloudflare-api/server.ts";
import { localSourceSecrets } from "../../src/cli/local-secrets.ts";
import { readProject } from "../../src/cli/project.ts";

const ROOT = path.join(import.meta.dirname, "../..");
const COMMAND = path.join(ROOT, "src/cli/main.ts");
let api: CloudflareApi;
let home: string;

beforeAll(async () => {
  api = await startCloudflareApi();
  // Inside the repository, so that the project finds its packages.
  await mkdir(path.join(ROOT, ".wrangler"), { recursive: true });
  home = await mkdtemp(path.join(ROOT, ".wrangler/setup-"));
});

afterAll(async () => {
  await api.close();
  await rm(home, { recursive: true, force: true });
});

/** The repository's own project in a folder of its own, with receivers that are not on this machine. */
async function project(name: string, change: (toml: string) => string = (toml) => toml): Promise<string> {
  const folder = path.join(home, name);
  await mkdir(folder);
  const toml = change(await readFile(path.join(ROOT, "wrangler.toml"), "utf8"))
    .replace(/^main = .*/m, `main = "${path.join(ROOT, "examples/showcase/src/index.ts")}"`)
    .replaceAll(/^migrations_dir = .*/gm, `migrations_dir = "${path.join(ROOT, "src/ledger/migrations")}"`)
    .replaceAll(/"http:\/\/127\.0\.0\.1:\d+/g, '"https://receiver.example.com');
  await writeFile(path.join(folder, "wrangler.toml"), toml);
  return folder;
}

const sluice = (folder: string, ...args: readonly string[]) => run(folder, COMMAND, args);
const wrangler = (folder: string, ...args: readonly string[]) =>
  run(folder, path.join(ROOT, "node_modules/wrangler/bin/wrangler.js"), args);

async function run(folder: string, script: string, args: readonly string[]) {
  const child = spawn(process.execPath, [script, ...args], {
    cwd: folder,
    env: {
      ...process.env,
      CLOUDFLARE_API_BASE_URL: api.baseUrl,
      CLOUDFLARE_API_TOKEN: "token",
      CLOUDFLARE_ACCOUNT_ID: api.account.id,
      WRANGLER_SEND_METRICS: "false",
      // What a parent may have set for itself: wrangler would then list no secrets, and say nothing.
      WRANGLER_LOG: "error",
      CI: "true",
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => (text += chunk.toString()));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, text };
}

const queueNames = () => [...api.account.queues.values()].map(({ queue_name: name }) => name).sort();
const worker = (name: string) => {
  const found = api.account.workers.get(name);
  if (found === undefined) throw new Error(`there is no Worker ${name}`);
  return found;
};

describe("a deployment from nothing", () => {
  let folder: string;
  /** Secrets that only their owners know, as setup asks for them. */
  let missing: readonly string[];

  beforeAll(async () => {
    folder = await project("first");
  });

  it("has its queues, bucket, tables, Worker and secrets after one command", async () => {
    const { code, text } = await sluice(folder, "setup");
    expect(text).toContain("Next: npx sluice smoke");
    expect(code).toBe(0);
    expect(queueNames()).toEqual(
      ["high", "low", "normal", "telemetry", "undeliverable", "verdicts"].map((lane) => `sluice-${lane}`),
    );
    for (const { settings } of api.account.queues.values()) {
      expect(settings).toMatchObject({ message_retention_period: 14 * 86_400 });
    }
    expect([...api.account.buckets.values()].map(({ name }) => name)).toEqual(["sluice-payloads"]);
    const [ledger] = api.account.databases.values();
    const tables = ledger?.sqlite.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all();
    expect(tables?.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["events", "api_tokens", "replays"]),
    );
    expect(worker("sluice").deployments).toHaveLength(1);
    expect([...worker("sluice").secrets.keys()]).toEqual(
      expect.arrayContaining([
        "SLUICE_API_TOKEN",
        "SLUICE_ADMIN_TOKEN",
        "DELIVERY_SECRET",
        "SLUICE_STREAM_SECRET",
      ]),
    );
    expect(text).toMatch(/\? STRIPE_WEBHOOK_SECRET .*secret put STRIPE_WEBHOOK_SECRET/);
    missing = [...text.matchAll(/\? (\w+) /g)].map(([, name]) => name ?? "");
    expect(api.unknown).toEqual([]);
  });

  it("is made no second time: nothing new, and no secret that was set is changed", async () => {
    const before = new Map(worker("sluice").secrets);
    const { code, text } = await sluice(folder, "setup");
    expect(code).toBe(0);
    expect(text).not.toContain("made now");
    expect(worker("sluice").secrets).toEqual(before);
    expect(queueNames()).toHaveLength(6);
    expect(api.account.databases.size).toBe(1);
    expect(api.unknown).toEqual([]);
  });

  it("gets each later release with its tables first and its objects on the new code at once, and says how to go back", async () => {
    const from = api.calls.length;
    const { code, text } = await sluice(folder, "deploy");
    expect(text).toContain("npx wrangler rollback --env= --durable-objects-code-update-mode=immediate");
    expect(code).toBe(0);
    const calls = api.calls.slice(from);
    const firstQuery = calls.findIndex((call) => call.includes("/query"));
    const released = calls.findIndex((call) =>
      /^(?:PUT|POST) .*\/scripts\/sluice(?:\/versions)?$/.test(call),
    );
    expect(firstQuery).toBeGreaterThan(-1);
    expect(released).toBeGreaterThan(firstQuery);
    expect(worker("sluice").versions.length).toBeGreaterThan(2);
    expect(api.unknown).toEqual([]);
  });

  /** Runs what is deployed, and asks it from outside. */
  const smoke = async () => {
    const running = await runWorker(api.account, "sluice");
    try {
      const token = worker("sluice").secrets.get("SLUICE_API_TOKEN") ?? "";
      return await sluice(folder, "smoke", "--url", running.url, "--token", token);
    } finally {
      await running.close();
    }
  };

  it("fails its smoke test while secrets of its senders are not set, and names them", async () => {
    const { code, text } = await smoke();
    expect(text).toContain("✓ is alive");
    expect(text).toMatch(/✗ has what its config names: .*STRIPE_WEBHOOK_SECRET for sources/);
    expect(code).toBe(1);
  });

  it("passes its smoke test once setup has set them from a file", async () => {
    const { config } = await readProject(folder, undefined);
    const senders = await localSourceSecrets(folder, config);
    const values = missing.map(
      (name) => `${name}='${senders.get(name)?.verifies ?? "a-key-for-tests-0123456789"}'`,
    );
    await writeFile(path.join(folder, "secrets.env"), values.join("\n"));
    expect(await sluice(folder, "setup", "--secrets", "secrets.env")).toMatchObject({ code: 0 });
    const { code, text } = await smoke();
    expect(text).not.toContain("✗");
    expect(text).toContain("✓ reads its ledger: /metrics 200");
    expect(code).toBe(0);
  });

  it("runs the version before after a rollback, with its objects on that code at once", async () => {
    const [now, before] = worker("sluice").versions;
    const args = ["--env=", "--yes", "--durable-objects-code-update-mode=immediate", "-m", "a test"];
    const back = await wrangler(folder, "rollback", before?.id ?? "", ...args);
    expect(back).toMatchObject({ code: 0 });
    const [deployment] = worker("sluice").deployments;
    expect(deployment?.versionId).toBe(before?.id);
    expect(deployment?.versionId).not.toBe(now?.id);
    expect(await smoke()).toMatchObject({ code: 0 });
    expect(api.unknown).toEqual([]);
  });
});

describe("a staging environment", () => {
  it("has everything of its own, and shares nothing with production", async () => {
    const folder = await project("staging");
    const { code, text } = await sluice(folder, "setup", "--env", "staging");
    expect(text).toContain("Next: npx sluice smoke");
    expect(code).toBe(0);
    expect(worker("sluice-staging").secrets.size).toBeGreaterThan(3);
    expect(queueNames().filter((name) => name.includes("staging"))).toHaveLength(6);
    expect([...api.account.databases.values()].map(({ name }) => name)).toContain("sluice-staging-ledger");
    expect(api.unknown).toEqual([]);
  });
});

describe("a jurisdiction's own", () => {
  it("is made in that jurisdiction, as far as Cloudflare has it for the thing", async () => {
    const folder = await project("eu", (toml) => toml.replaceAll(/^#eu ?/gm, ""));
    const { code, text } = await sluice(folder, "setup");
    expect(text).toContain("Next: npx sluice smoke");
    expect(code).toBe(0);
    const inEu = [...api.account.queues.values()].filter(({ jurisdiction }) => jurisdiction === "eu");
    expect(inEu.length).toBeGreaterThan(3);
    expect(inEu.every(({ queue_name: name }) => name.endsWith("-eu"))).toBe(true);
    expect(
      [...api.account.buckets.values()].filter(({ jurisdiction }) => jurisdiction === "eu"),
    ).toHaveLength(1);
    expect(
      [...api.account.databases.values()].filter(({ jurisdiction }) => jurisdiction === "eu"),
    ).toHaveLength(1);
    expect(api.unknown).toEqual([]);
  });
});

describe("a config that cannot work on Cloudflare", () => {
  it("is refused before anything is changed, with what is wrong and where", async () => {
    const folder = await project("wrong", (toml) =>
      toml
        .replaceAll("http://127.0.0.1:8791/books", "http://localhost:8791/books")
        .replace('binding = "VERDICTS"', 'binding = "OTHER"'),
    );
    await writeFile(
      path.join(folder, "secrets.env"),
      "MEDIA_WEBHOOK_SECRET=paste-me\nDELIVERY_SECRET=short\n",
    );
    const from = api.calls.length;
    const { code, text } = await sluice(folder, "setup", "--secrets", "secrets.env");
    expect(code).toBe(1);
    expect(text).toContain("BOOKS_URL (destinations.books) is an address of this machine");
    expect(text).toContain("VERDICTS (destinations.verdicts) is no queue of wrangler.toml");
    expect(text).toContain("MEDIA_WEBHOOK_SECRET (sources.media) is no secret of standard-webhooks");
    expect(text).toContain("DELIVERY_SECRET (destinations.books)");
    expect(api.calls.slice(from)).toEqual([]);
    expect((await sluice(folder, "deploy")).code).toBe(1);
    expect(api.calls.slice(from)).toEqual([]);
  });
});
