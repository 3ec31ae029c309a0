/**
 * `npm run fuzz:ingest -- --requests N [--seed S]`: malformed, hostile and almost-right requests of every sender against
 * the real Worker on workerd, with a control group of genuine ones. A case that fails is printed with what plays it again.
 */
import { parseArgs } from "node:util";

// Before wrangler is loaded: its own notes are not the fuzz's.
process.env["WRANGLER_LOG"] ??= "error";
process.env["CLOUDFLARE_CF_FETCH_ENABLED"] ??= "false";
const { runFuzz } = await import("./run.ts");

const USAGE = `npm run fuzz:ingest -- [options]
  --requests 10000     cases to play
  --seed 1             the run's seed (default: by the clock)
  --from 0             the first case's number: with --requests 1, one case alone`;

const { values } = parseArgs({
  options: {
    requests: { type: "string", default: "10000" },
    seed: { type: "string" },
    from: { type: "string", default: "0" },
    help: { type: "boolean", default: false },
  },
});
const [cases, seed, first] = [
  Number(values.requests),
  Number(values.seed ?? Date.now() % 1_000_000),
  Number(values.from),
];
if (values.help || ![cases, seed, first].every(Number.isSafeInteger)) {
  console.log(USAGE);
  process.exit(values.help ? 0 : 2);
}
process.exitCode = (await runFuzz({ cases, seed, first })) ? 0 : 1;
