/**
 * `npm run build`: the package, in `dist/`. Every module of `src/` becomes JavaScript with its types; the command is one
 * bundle with what it needs of `dev/` (the stand-in model, the receiver, the senders' samples).
 */
import { spawnSync } from "node:child_process";
import { chmod, cp, rm } from "node:fs/promises";
import path from "node:path";
import { build } from "esbuild";

const ROOT = path.join(import.meta.dirname, "..");
const DIST = path.join(ROOT, "dist");
const COMMAND = path.join(DIST, "cli", "main.js");

await rm(DIST, { recursive: true, force: true });
const compiler = path.join(ROOT, "node_modules", "typescript", "bin", "tsc");
const compiled = spawnSync(process.execPath, [compiler, "-p", "tsconfig.build.json"], {
  cwd: ROOT,
  stdio: "inherit",
});
if (compiled.status !== 0) throw new Error("the package does not compile");
await build({
  entryPoints: [path.join(ROOT, "src/cli/main.ts")],
  outdir: path.dirname(COMMAND),
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "node",
  target: "node20",
  packages: "external",
  logLevel: "warning",
});
await chmod(COMMAND, 0o755);
// The ledger's tables, for `migrations_dir` of a project's wrangler.toml.
await cp(path.join(ROOT, "src/ledger/migrations"), path.join(DIST, "migrations"), { recursive: true });
