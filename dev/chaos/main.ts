/**
 * `npm run chaos`: the whole gateway with its storage on disk, killed at random moments and started again, judged by
 * what senders, sink and model server wrote down. Exits non-zero when a promise was broken.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { messageOf } from "../../src/core/result.ts";
import { createProgress } from "../demo/screen.ts";
import { commandLine } from "../lib/command-line.ts";
import { isKept, judge } from "./judge.ts";
import { readRecords } from "./records.ts";
import type { Mode } from "./runtime-config.ts";
import { printLedger } from "./screen.ts";

const USAGE = `npm run chaos -- [options]
  --mode both           strict: acknowledged by the partition; queued: by the lanes, in order of arrival
  --kills 20            how often the runtime is killed
  --events N            default: 15 for each kill, and 15
  --customers 30        each sends one event after the other
  --seed 1              another day's traffic, other moments
  --lease-seconds 61    what a kill strands is waited for so long; 61 is the shortest that a config may name
  --drain-seconds 300   after the last kill, for what is acknowledged to end
  --keep                keep the records`;

const EVENTS_PER_KILL = 15;
const EXIT_ON_SIGINT = 130;
/** Again, because a process that was killed a moment ago may still hold a file. */
const REMOVE = { recursive: true, force: true, maxRetries: 10, retryDelay: 50 } as const;

const { values, wholeNumber, oneOf } = commandLine(USAGE, {
  options: {
    mode: { type: "string", default: "both" },
    kills: { type: "string", default: "20" },
    events: { type: "string" },
    customers: { type: "string", default: "30" },
    seed: { type: "string", default: "1" },
    "lease-seconds": { type: "string", default: "61" },
    "drain-seconds": { type: "string", default: "300" },
    keep: { type: "boolean", default: false },
  },
});
const kills = wholeNumber("--kills", values.kills, { atLeast: 0 });
const events = wholeNumber("--events", values.events ?? String(EVENTS_PER_KILL * (kills + 1)), {
  atLeast: 0,
});
const lines = wholeNumber("--customers", values.customers, { atLeast: 1 });
const seed = wholeNumber("--seed", values.seed, { atLeast: 0 });
const leaseMs = wholeNumber("--lease-seconds", values["lease-seconds"], { atLeast: 1 }) * 1_000;
const drainMs = wholeNumber("--drain-seconds", values["drain-seconds"], { atLeast: 0 }) * 1_000;
const mode = oneOf("--mode", values.mode, ["both", "strict", "queued"]);
const modes: readonly Mode[] = mode === "both" ? ["strict", "queued"] : [mode];

// Before wrangler is loaded: its own notes are not the run's.
process.env["WRANGLER_LOG"] ??= "error";
const { runChaos } = await import("./run.ts");

const folder = mkdtempSync(join(tmpdir(), "sluice-chaos-"));
process.once("exit", () => {
  if (!values.keep) rmSync(folder, REMOVE);
});
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(EXIT_ON_SIGINT));

console.log("\nSluice chaos: the real Worker on workerd with its storage on disk, killed again and again.");
if (values.keep) console.log(`Records: ${folder}`);
let kept = true;
try {
  for (const mode of modes) kept = (await runMode(mode)) && kept;
} catch (thrown) {
  console.error(`\n  The run failed: ${messageOf(thrown)}`);
  process.exit(1);
}
console.log(kept ? "\n  Every promise was kept.\n" : "\n  A promise was broken.\n");
process.exit(kept ? 0 : 1);

/** @returns true when every promise was kept, and the run came to its end */
async function runMode(mode: Mode): Promise<boolean> {
  const progress = createProgress();
  console.log("");
  const outcome = await runChaos({
    mode,
    kills,
    events,
    lines,
    seed,
    leaseMs,
    drainMs,
    folder: join(folder, mode),
    show: (text) => progress.show(text),
  });
  const ledger = judge(readRecords(outcome.files));
  progress.end(outcome.drained ? `${mode}: every acknowledged event has ended` : `${mode}: time was up`);
  printLedger(titleOf(mode), outcome.sent, ledger);
  const complete = outcome.drained && ledger.acknowledged === events && ledger.kills === kills;
  if (!complete) console.log("  The run did not come to its end: events unacknowledged or open.");
  return complete && isKept(ledger);
}

function titleOf(mode: Mode): string {
  return mode === "strict"
    ? "strict: acknowledged when it is in the partition's file; the local lanes die with the runtime"
    : "queued: acknowledged when the lanes have it; they shuffle, double and delay, and outlive the runtime";
}
