/** The demo judges itself: it must pass when the promises hold, and must fail when one of them is switched off. */
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { startModelServer } from "../../dev/model-server/server.ts";
import { afterAll, describe, expect, it } from "vitest";

const children = new Set<ChildProcess>();

// The whole group: a demo that is killed takes its workerd along.
afterAll(() => {
  for (const { pid } of children) if (pid !== undefined) process.kill(-pid, "SIGKILL");
});

interface Outcome {
  readonly code: number | null;
  readonly output: string;
}

function runDemo(...options: readonly string[]): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ["dev/demo/main.ts", "--once", ...options], {
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    children.add(child);
    let output = "";
    const take = (chunk: Buffer) => {
      output += chunk.toString("utf8");
    };
    child.stdout.on("data", take);
    child.stderr.on("data", take);
    child.once("error", reject);
    child.once("close", (code) => {
      children.delete(child);
      resolve({ code, output });
    });
  });
}

/** The number in the table's row. */
function count({ output }: Outcome, row: string): number {
  const found = new RegExp(`^  ${row} +(\\d+) `, "m").exec(output)?.[1];
  if (found === undefined) throw new Error(`no row "${row}" in:\n${output}`);
  return Number(found);
}

/** The demo gives up by itself after two minutes; starting and closing it on a busy machine takes the rest. */
const DEMO_TIMEOUT_MS = 180_000;

describe.concurrent("npm run demo", { timeout: DEMO_TIMEOUT_MS }, () => {
  it("exits 0 and shows that nothing was lost, repeated or out of order", async () => {
    const outcome = await runDemo("--events", "40");
    expect(outcome.output).toContain("Every promise was kept.");
    expect(outcome.code).toBe(0);
    expect(outcome.output).toMatch(/answered with what it came to:\n\n {4}\w+ \S+: duplicate, done, \{/);
    for (const row of ["missing", "repeated", "out of order"]) expect(count(outcome, row)).toBe(0);
    expect(count(outcome, "delivered")).toBeGreaterThan(30);
    expect(count(outcome, "refused")).toBe(2);
    expect(count(outcome, "dead")).toBe(2);
  });

  it("asks the model that .dev.vars names, with its key, and says so", async () => {
    const real = await startModelServer({ port: 0, apiKey: "a-real-key" });
    const folder = await mkdtemp(path.join(tmpdir(), "sluice-demo-"));
    const file = path.join(folder, ".dev.vars");
    try {
      await writeFile(file, `MODEL_BASE_URL=${real.url}/v1\nMODEL_API_KEY=a-real-key\n`);
      const outcome = await runDemo("--events", "10", "--dev-vars", file);
      expect(outcome.output).toContain(`model ${real.url}/v1`);
      expect(outcome.output).toContain(".dev.vars sets MODEL_API_KEY, MODEL_BASE_URL");
      expect(outcome.output).toContain("Every promise was kept.");
      expect(outcome.code).toBe(0);
      expect(real.calls.entries().length).toBeGreaterThan(5);
      await writeFile(file, "CRM_URL=https://crm.example.com\n");
      const refused = await runDemo("--dev-vars", file);
      expect(refused.output).toContain(".dev.vars sets CRM_URL");
      expect(refused.code).toBe(2);
    } finally {
      await real.close();
      await rm(folder, { recursive: true });
    }
  });

  it("exits 1 with ordering switched off, and shows what came out of order", async () => {
    const outcome = await runDemo("--events", "80", "--break", "ordering");
    expect(count(outcome, "out of order")).toBeGreaterThan(0);
    expect(outcome.output).toContain("A promise was broken.");
    expect(outcome.code).toBe(1);
  });

  it("exits 1 with dedupe switched off, and shows what came more than once", async () => {
    const outcome = await runDemo("--events", "60", "--break", "dedupe");
    expect(count(outcome, "repeated")).toBeGreaterThan(0);
    expect(outcome.output).toContain("A promise was broken.");
    expect(outcome.code).toBe(1);
  });
});
