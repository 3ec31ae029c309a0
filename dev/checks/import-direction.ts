/**
 * Imports go one way (docs/design.md). Rooms are the folders of `src/`; each may import the rooms listed for it,
 * itself, `core`, and interface files (`port.ts`, `ports.ts`, `scheme.ts`, `processor.ts`) of any room.
 */
import { globSync, readFileSync } from "node:fs";
import path from "node:path";
import { commandLine } from "../lib/command-line.ts";

const USAGE = `npm run check:imports
  No options: it names every import that goes the wrong way and every circle, and exits 1 if there is one.`;

commandLine(USAGE, {});

const BASICS = ["config", "telemetry", "platform"];

const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  core: [],
  config: [],
  telemetry: ["config"],
  platform: ["config", "telemetry"],
  guard: BASICS,
  "lanes/wire": BASICS,
  partition: [...BASICS, "lanes/wire", "env.ts"],
  cache: BASICS,
  models: BASICS,
  destinations: BASICS,
  ingest: BASICS,
  sync: [...BASICS, "partition"],
  pipeline: [...BASICS, "guard", "cache", "models", "destinations"],
  streaming: [...BASICS, "guard", "models"],
  lanes: [...BASICS, "lanes/wire", "partition"],
  operator: [...BASICS, "partition", "guard", "ledger", "lanes/wire"],
  dashboard: [...BASICS, "operator"],
  replay: [...BASICS, "ledger", "partition"],
  ledger: BASICS,
  // In Node, and no part of any Worker: it reads a config and plays the other sides.
  cli: ["config", "services"],
};

/** Parts of `dev/` that the command ships: the stand-in model, the receiver, the senders' samples. */
const SHIPPED_WITH_CLI = /^dev\/(?:model-server|sink|senders|lib)\//;

/** See everything: the entry, the composition (`services.ts` and its parts), the public surface. */
const ROOTS = new Set(["services", "index.ts", "worker.ts", "testing.ts", "app.ts", "services.ts", "env.ts"]);
const INTERFACE_FILES = new Set(["port.ts", "ports.ts", "scheme.ts", "processor.ts"]);
/** `core` may use the language, web standards and zod. */
const CORE_PACKAGES = new Set(["zod"]);
const IMPORT = /(?:from|import)\s*\(?\s*"([^"]+)"/g;

const sources = globSync("src/**/*.{ts,tsx}");
const problems = sources.flatMap((file) => checkFile(file));
problems.push(...circlesIn(sources));
problems.push(...globSync("examples/*/{src,test}/**/*.ts").flatMap((file) => checkExampleFile(file)));
for (const problem of problems) console.error(problem);
console.log(problems.length === 0 ? "imports go one way" : `${problems.length} imports go the wrong way`);
process.exitCode = problems.length === 0 ? 0 : 1;

function checkFile(file: string): string[] {
  const from = roomOf(file);
  return importsOf(file).flatMap((specifier) => {
    if (!specifier.startsWith(".")) {
      return from === "core" && !CORE_PACKAGES.has(specifier) ? [`${file}: core imports ${specifier}`] : [];
    }
    const target = path.normalize(path.join(path.dirname(file), specifier));
    if (from === "cli" && SHIPPED_WITH_CLI.test(target)) return [];
    if (!target.startsWith("src/")) return [`${file} imports ${target}`];
    return mayImport(from, target) ? [] : [`${file} (${from}) imports ${target}`];
  });
}

function mayImport(from: string, target: string): boolean {
  if (ROOTS.has(from)) return true;
  const to = roomOf(target);
  if (to === from || to === "core") return true;
  if (from === "core") return false;
  return INTERFACE_FILES.has(path.basename(target)) || (ALLOWED[from] ?? []).includes(to);
}

/** Files that import each other, types included, each circle once: none of them can be read, or moved, without the others. */
function circlesIn(files: readonly string[]): string[] {
  const known = new Set(files);
  const targetsOf = (file: string) =>
    importsOf(file)
      .filter((specifier) => specifier.startsWith("."))
      .map((specifier) => path.normalize(path.join(path.dirname(file), specifier)))
      .filter((target) => known.has(target));
  const done = new Set<string>();
  const found: string[] = [];
  const walk = (file: string, way: readonly string[]): void => {
    const start = way.indexOf(file);
    if (start !== -1) {
      found.push(`a circle: ${[...way.slice(start), file].join(" → ")}`);
      return;
    }
    if (done.has(file)) return;
    for (const target of targetsOf(file)) walk(target, [...way, file]);
    done.add(file);
  };
  for (const file of files) walk(file, []);
  return found;
}

/** An example is a project outside: it imports its own files and packages, Sluice by its name. */
function checkExampleFile(file: string): string[] {
  const project = file.split("/").slice(0, 2).join("/");
  return importsOf(file).flatMap((specifier) => {
    if (!specifier.startsWith(".")) return [];
    const target = path.normalize(path.join(path.dirname(file), specifier));
    return target.startsWith(`${project}/`) ? [] : [`${file} imports ${specifier}`];
  });
}

function importsOf(file: string): string[] {
  return [...readFileSync(file, "utf8").matchAll(IMPORT)].flatMap((match) => match[1] ?? []);
}

function roomOf(file: string): string {
  const [, first = "", second = ""] = file.split("/");
  return first === "lanes" && second === "wire" ? "lanes/wire" : first;
}
