/**
 * What README and docs tell a reader to type and to write: every command exists with the options it is given, every TypeScript
 * block compiles against the package, every statement runs on the ledger's tables, every link leads somewhere.
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import path from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import * as z from "zod";
import { createOpenApiDocument } from "../../src/operator/openapi.ts";
import { OPERATOR_ROUTES } from "../../src/operator/routes/all.ts";

const ROOT = path.join(import.meta.dirname, "../..");
const DOCUMENTS = ["*.md", "docs/**/*.md", "examples/*/README.md"].flatMap((pattern) =>
  globSync(pattern, { cwd: ROOT }),
);

interface Block {
  readonly file: string;
  readonly line: number;
  readonly language: string;
  readonly text: string;
}

const read = (file: string) => readFileSync(path.join(ROOT, file), "utf8");
const BLOCKS = DOCUMENTS.flatMap((file): Block[] => {
  const text = read(file);
  return [...text.matchAll(/^```(\w*)\n(.*?)^```/gms)].map((found) => ({
    file,
    line: text.slice(0, found.index).split("\n").length,
    language: found[1] ?? "",
    text: found[2] ?? "",
  }));
});
const inLanguage = (...languages: readonly string[]) =>
  BLOCKS.filter(({ language }) => languages.includes(language));
const whereOf = ({ file, line }: Block) => `${file}:${line}`;

const scriptsSchema = z.object({ scripts: z.record(z.string(), z.string()) });
const scriptsOf = (file: string) => scriptsSchema.parse(JSON.parse(read(file))).scripts;

/** One command without its comment; `&&` and a line that goes on are taken apart and put together. */
function commandsIn(text: string): readonly string[] {
  return text
    .replaceAll("\\\n", " ")
    .split("\n")
    .flatMap((line) => line.replace(/(^|\s)#.*$/, "").split("&&"))
    .map((command) => command.trim())
    .filter((command) => command !== "");
}

/** What a command says of itself; each is asked once. */
const helps = new Map<string, Promise<string>>();
function helpOf(command: string, args: readonly string[]): Promise<string> {
  const key = [command, ...args].join(" ");
  const known = helps.get(key);
  if (known !== undefined) return known;
  const child = spawn(process.execPath, [command, ...args, "--help"], {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => (said += chunk.toString()));
  const help = once(child, "close").then(([code]) => {
    expect(code, `${key} --help`).toBe(0);
    return said;
  });
  helps.set(key, help);
  return help;
}

const WRANGLER = path.join(ROOT, "node_modules/wrangler/bin/wrangler.js");
const SLUICE = path.join(ROOT, "src/cli/main.ts");
/** npm's own, which need no proof. */
const NPM_ITSELF = /^npm (?:ci|install|test|pack)\b/;

async function checkCommand(command: string, scripts: Readonly<Record<string, string>>): Promise<void> {
  const words = command.split(/\s+/);
  const options = [...command.matchAll(/(?<=\s)--[a-z][\w-]*/g)].map(([option]) => option);
  if (NPM_ITSELF.test(command) || words[0] === "cd") return;
  if (words[0] === "npm" && words[1] === "run") {
    const script = scripts[words[2] ?? ""];
    expect(script, `there is no script for: ${command}`).toBeDefined();
    const [runner, file = "", ...args] = (script ?? "").split(" ");
    if (runner !== "node" || options.length === 0) return;
    const help = await helpOf(path.join(ROOT, file), args);
    for (const option of options) expect(help, command).toContain(option);
    return;
  }
  if (words[0] === "npx" && words[1] === "wrangler") {
    const named = words.slice(2).filter((word) => /^[a-z][a-z0-9]*$/.test(word));
    // As many words as are wrangler's own: what follows is a name.
    const own = ["secret", "d1", "r2"].includes(named[0] ?? "")
      ? named.slice(0, named[1] === "bucket" ? 4 : 2)
      : named.slice(0, 1);
    const help = await helpOf(WRANGLER, own);
    expect(help, command).toContain(`wrangler ${own.join(" ")}`);
    for (const option of options) expect(help, command).toContain(option);
    return;
  }
  if (/\bsluice$/.test(words[0] ?? "") || (words[0] === "npx" && words[1] === "sluice")) {
    const help = await helpOf(SLUICE, [words[words[0] === "npx" ? 2 : 1] ?? ""]);
    for (const option of options) expect(help, command).toContain(option);
    return;
  }
  if (words[0] === "curl") {
    const [, place = ""] = /https:\/\/<your worker>(\/\S*)/.exec(command) ?? [];
    const pattern = place.replaceAll(/<\w+>/g, "{id}");
    const admin = Object.keys(
      z.object({ paths: z.record(z.string(), z.unknown()) }).parse(createOpenApiDocument(OPERATOR_ROUTES))
        .paths,
    );
    expect([...admin, "/v1/events/{id}"], command).toContain(pattern);
    return;
  }
  throw new Error(`no check knows this command: ${command}`);
}

describe("a command in the docs", () => {
  it.each(inLanguage("sh").map((block) => [whereOf(block), block] as const))(
    "%s exists, with the options it is given",
    async (_, block) => {
      const isNewProject = block.file.startsWith("examples/") || block.text.includes("sluice init");
      const scripts = scriptsOf(isNewProject ? "examples/minimal/package.json" : "package.json");
      for (const command of commandsIn(block.text)) await checkCommand(command, scripts);
    },
  );

  it("that is named in a sentence is a script of the package", () => {
    const scripts = scriptsOf("package.json");
    const unknown = DOCUMENTS.filter((file) => !file.startsWith("examples/")).flatMap((file) =>
      [...read(file).matchAll(/`npm run ([\w:-]+)/g)]
        .map(([, script = ""]) => script)
        .filter((script) => !(script in scripts))
        .map((script) => `${file}: npm run ${script}`),
    );
    expect(unknown).toEqual([]);
  });

  it("that runs SQL runs on the ledger's tables", () => {
    const database = new DatabaseSync(":memory:");
    for (const file of globSync("src/ledger/migrations/*.sql", { cwd: ROOT }).toSorted())
      database.exec(read(file));
    const statements = inLanguage("sh").flatMap(({ text }) =>
      [...text.matchAll(/--command "((?:[^"\\\n]|\\.)*)"/g)].map(([, sql = ""]) =>
        sql.replaceAll('\\"', '"'),
      ),
    );
    expect(statements.length).toBeGreaterThan(0);
    for (const sql of statements) expect(() => database.exec(sql), sql).not.toThrow();
  });
});

/** What a block takes for granted: names that its page has introduced. */
const PREAMBLE = `
import * as z from "zod";
import { defineGateway, definePipeline, defineSource, openaiCompatible, shopify, stripe, type GatewayOptions } from "sluice";
import { anthropic } from "sluice/anthropic";
import { google } from "sluice/google";
export { z, defineGateway, definePipeline, defineSource, openaiCompatible, shopify, stripe, anthropic, google };
export type { GatewayOptions };
declare const gateway: string;
declare const apiToken: string;
declare const question: string;
const dispute = z.object({ data: z.object({ object: z.object({ charge: z.string() }) }) });
const answer = z.object({ decision: z.enum(["allow", "block"]), score: z.number().nullable() });
const disputeSummary = definePipeline({ name: "dispute-summary", input: dispute, format: () => ({ body: {} }), deliver: [] });
const fraudCheck = definePipeline({ name: "fraud-check", input: z.object({ id: z.string() }),
  format: () => ({ body: { decision: "allow", score: null, flagged: true } as { decision: string; score: number | null; flagged?: boolean } }), deliver: [] });
const sourceRest = { events: { "orders/create": z.object({ id: z.string() }) }, routes: () => [] };
const pipelineRest = { input: z.object({}), format: () => ({ body: {} }), deliver: [] };
void [gateway, apiToken, question, dispute, answer, disputeSummary, fraudCheck, sourceRest, pipelineRest];
`;
const ENDPOINT = 'baseUrl: "https://models.example/v1", model: "m"';

/** The block as a module: holes filled with what their builder needs, fragments put where they belong. */
function moduleOf(text: string): string {
  const imports = [...text.matchAll(/^import .*$/gm)].map(([line]) => line).join("\n");
  let body = text.replaceAll(/^import .*$/gm, "").trim();
  body = body
    .replaceAll(/openaiCompatible\(\{ …,/g, `openaiCompatible({ ${ENDPOINT},`)
    .replaceAll(/definePipeline\(\{ name: "triage", …,/g, 'definePipeline({ name: "triage", ...pipelineRest,')
    .replaceAll(/defineGateway\(\{ …,/g, "defineGateway({ sources: {}, models: {}, destinations: {},")
    .replaceAll(
      /(defineSource\(\{ idempotency: "\w+"), …/g,
      '$1, verify: shopify({ secrets: ["S"] }), ...sourceRest',
    )
    .replaceAll(/^( +)…$/gm, body.includes("defineSource") ? "$1...sourceRest," : '$1model: "m",');
  if (/^(models|alerts|traces): \{/.test(body) && !body.includes("definePipeline(")) {
    body = `export const config: Partial<GatewayOptions> = {\n${body}\n};`;
  } else if (body.startsWith("models: {")) {
    const [first = "", ...others] = body.split("\n");
    body = `export const config: Partial<GatewayOptions> = {\n${first}\n};\n${others.join("\n")}`;
  } else if (body.startsWith("limits:")) body = `openaiCompatible({ ${ENDPOINT},\n${body}\n});`;
  else if (/^\w+: openaiCompatible\(/.test(body))
    body = `export const models = {\n${body.replace(/;$/, "")}\n};`;
  else if (body.startsWith("route(")) {
    body = `defineSource({ verify: stripe({ secrets: ["S"] }), events: { "payment.attempted": z.object({ id: z.string() }) },
      routes: (route) => [\n${body}\n] });`;
  }
  return `${imports === "" ? "" : `// ${imports.replaceAll("\n", "\n// ")}\n`}${PREAMBLE}\n${body}\n`;
}

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

describe("TypeScript in the docs", () => {
  it("compiles against the package, and imports names that it exports", () => {
    mkdirSync(path.join(ROOT, ".wrangler"), { recursive: true });
    const folder = mkdtempSync(path.join(ROOT, ".wrangler/blocks-"));
    folders.push(folder);
    const blocks = inLanguage("ts", "tsx");
    expect(blocks.length).toBeGreaterThan(10);
    for (const block of blocks) {
      const name = whereOf(block).replaceAll(/[^\w]/g, "-");
      writeFileSync(path.join(folder, `${name}.ts`), moduleOf(block.text));
      const imports = [...block.text.matchAll(/^import .*$/gm)].map(([line]) =>
        line.replace(/^import/, "export"),
      );
      if (imports.length > 0) writeFileSync(path.join(folder, `${name}-imports.ts`), imports.join("\n"));
    }
    writeFileSync(
      path.join(folder, "tsconfig.json"),
      JSON.stringify({
        extends: path.join(ROOT, "tsconfig.json"),
        compilerOptions: { noEmit: true, noUnusedLocals: false },
        include: ["*.ts", path.join(ROOT, "src/**/*.d.ts")],
      }),
    );
    const tsc = path.join(ROOT, "node_modules/typescript/bin/tsc");
    const checked = spawnSync(process.execPath, [tsc, "-p", folder], { cwd: ROOT, encoding: "utf8" });
    expect(checked.stdout).toBe("");
    expect(checked.status).toBe(0);
  });
});

describe("a link in the docs", () => {
  /** As GitHub makes them from headings. */
  const anchorsOf = (file: string) =>
    new Set(
      [...read(file).matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) =>
        heading
          .toLowerCase()
          .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
          .trim()
          .replaceAll(/\s/g, "-"),
      ),
    );

  it("leads to a file and a heading that are there", () => {
    const dead = DOCUMENTS.flatMap((file) =>
      [
        ...read(file)
          .replaceAll(/^```.*?^```/gms, "")
          .matchAll(/\]\(([^)\s]+)\)/g),
      ].flatMap(([, target = ""]) => {
        if (/^[a-z]+:/.test(target)) return [];
        const [place = "", anchor] = target.split("#");
        const found = place === "" ? file : path.join(path.dirname(file), place);
        if (!existsSync(path.join(ROOT, found))) return [`${file}: ${target}`];
        return anchor === undefined || !found.endsWith(".md") || anchorsOf(found).has(anchor)
          ? []
          : [`${file}: ${target}`];
      }),
    );
    expect(dead).toEqual([]);
  });
});

describe("a block of another language", () => {
  it("is a picture, or the format of a tool that does not run here", () => {
    const others = BLOCKS.filter(({ language }) => !["sh", "ts", "tsx"].includes(language));
    const known = others.filter(
      ({ language, text }) =>
        // Pictures, and Prometheus's own configuration.
        (language === "" && /[─▶│]/.test(text)) || language === "yaml",
    );
    expect(others.filter((block) => !known.includes(block)).map(whereOf)).toEqual([]);
  });
});
