/**
 * `npm run fuzz:ingest -- --requests N [--seed S]`: malformed, hostile and almost-right requests of every sender against
 * the real Worker on workerd, with a control group of genuine ones. A case that fails is printed with what plays it again.
 */
import { commandLine } from "../lib/command-line.ts";

const USAGE = `npm run fuzz:ingest -- [options]
  --requests 10000     cases to play
  --seed 1             the run's seed (default: by the clock)
  --from 0             the first case's number: with --requests 1, one case alone`;

const { values, wholeNumber } = commandLine(USAGE, {
  options: {
    requests: { type: "string", default: "10000" },
    seed: { type: "string" },
    from: { type: "string", default: "0" },
  },
});
const cases = wholeNumber("--requests", values.requests, { atLeast: 1 });
const seed = wholeNumber("--seed", values.seed ?? String(Date.now() % 1_000_000), { atLeast: 0 });
const first = wholeNumber("--from", values.from, { atLeast: 0 });

// Before wrangler is loaded: its own notes are not the fuzz's.
process.env["WRANGLER_LOG"] ??= "error";
process.env["CLOUDFLARE_CF_FETCH_ENABLED"] ??= "false";
const { runFuzz } = await import("./run.ts");
process.exitCode = (await runFuzz({ cases, seed, first })) ? 0 : 1;
