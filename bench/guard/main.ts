/**
 * `npm run bench:guard`: consumers that want more than a model's limit, with the real guard, partitions, drivers and
 * model adapter on workerd. The model server counts what reaches it; the guard knows nothing of that count. Exits
 * non-zero when a minute has more calls than the limit, or the last one less than 95 % of it.
 *
 * The first minute is not measured: it begins with the burst that an idle guard allows, and spends the rest on making up for it. Nor can a machine that is too
 * busy to make the calls say anything about the guard: the consumers must have been told to wait, or the run counts as too slow.
 */
import { commandLine } from "../../dev/lib/command-line.ts";
import type { Counts } from "../partition/commands.ts";

const USAGE = `npm run bench:guard -- [options]
  --consumers 20       each with the client, the permits and the settlements of an isolate of its own
  --per-second 50      the model's limit
  --seconds 135        how long; the last 60 are measured`;

const { values, wholeNumber } = commandLine(USAGE, {
  options: {
    consumers: { type: "string", default: "20" },
    "per-second": { type: "string", default: "50" },
    seconds: { type: "string", default: "135" },
  },
});
const consumers = wholeNumber("--consumers", values.consumers, { atLeast: 1 });
const limit = wholeNumber("--per-second", values["per-second"], { atLeast: 1 }) * 60;
const seconds = wholeNumber("--seconds", values.seconds, { atLeast: 1 });

// Before wrangler is loaded: its own notes are not the bench's.
process.env["WRANGLER_LOG"] ??= "error";
process.env["CLOUDFLARE_CF_FETCH_ENABLED"] ??= "false";
const { startGuardBench } = await import("./bench-gateway.ts");
const { atLeast, atMost, line, printTable } = await import("../partition/table.ts");

const MINUTE_MS = 60_000;
const EVENTS_AT_ONCE = 3;

const bench = await startGuardBench();
try {
  // Loads the Worker and its objects.
  await bench.send({ kind: "consume", consumer: 0, first: -EVENTS_AT_ONCE, events: EVENTS_AT_ONCE, limit });
  await bench.send({ kind: "reset" });
  const endMs = Date.now() + seconds * 1_000;
  await Promise.all(Array.from({ length: consumers }, (_, consumer) => consumeUntil(consumer, endMs)));
  const counts = await bench.readCounts();
  const arrivedAtMs = bench.model.calls
    .entries()
    .map(({ atMs }) => atMs)
    .toSorted((one, other) => one - other);
  const most = mostInAMinute(arrivedAtMs);
  const measuredMs = Math.min(MINUTE_MS, seconds * 1_000);
  const last = arrivedAtMs.filter((atMs) => atMs > endMs - measuredMs && atMs <= endMs).length;
  const calls = arrivedAtMs.length;
  const lines = [
    line(
      "calls that reached the model",
      String(calls),
      `${consumers} consumers of ${EVENTS_AT_ONCE} events, ${seconds} s`,
    ),
    atMost("most calls in any 60 s, as the model server counts", most, limit),
    atLeast("part of the limit used in the last 60 s", last / ((limit * measuredMs) / MINUTE_MS), 0.95),
    atLeast(
      "part of the calls that had to wait",
      counts.denied / calls,
      0.25,
      "fewer: this machine is too slow to want more than the limit, and the line above says nothing",
    ),
    atMost(
      "requests to the guard per call",
      (counts.admit + counts.settle) / calls,
      2.5,
      partsOf(counts, calls, ["admit", "settle"]),
    ),
    line(
      "requests to partitions per call",
      ((counts.offer + counts.claim + counts.exchange + counts.alarm) / calls).toFixed(2),
      partsOf(counts, calls, ["offer", "claim", "exchange", "alarm"]),
    ),
    line(
      "rings per call",
      (counts.ring / calls).toFixed(2),
      "messages of the lane, for events whose turn was too far to wait for",
    ),
  ];
  printTable(`A limit of ${limit / 60} calls a second`, lines);
  process.exitCode = lines.some((one) => one.isOver) ? 1 : 0;
} finally {
  await bench.close();
}

/** One consumer: the lane gives it the next batch as soon as it has returned. */
async function consumeUntil(consumer: number, endMs: number): Promise<void> {
  for (let first = 0; Date.now() < endMs; first += EVENTS_AT_ONCE) {
    await bench.send({ kind: "consume", consumer, first, events: EVENTS_AT_ONCE, limit });
  }
}

function mostInAMinute(arrivedAtMs: readonly number[]): number {
  let most = 0;
  let from = 0;
  for (const [index, atMs] of arrivedAtMs.entries()) {
    while (atMs - (arrivedAtMs[from] ?? atMs) >= MINUTE_MS) from++;
    most = Math.max(most, index - from + 1);
  }
  return most;
}

function partsOf(counts: Counts, calls: number, names: readonly (keyof Counts)[]): string {
  return names.map((name) => `${name} ${(counts[name] / calls).toFixed(2)}`).join(", ");
}
