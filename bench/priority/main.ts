/**
 * `npm run bench:priority`: a flood of low priority and a steady trickle of high through the whole local gateway, at one
 * model's limit. Time from the accepting answer to the delivery at the sink. Exits non-zero when high is not done within 30 s
 * (p95) or low comes to a stop.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { commandLine } from "../../dev/lib/command-line.ts";
import { DEMO_SECRETS } from "../../dev/senders/sample.ts";
import { signStandardWebhooks } from "../../dev/senders/sign.ts";

const USAGE = `npm run bench:priority -- [options]
  --per-minute 120     the model's limit
  --flood 400          events of low priority, all at once
  --seconds 90         how long high priority trickles, at a quarter of the limit`;

const { values, wholeNumber } = commandLine(USAGE, {
  options: {
    "per-minute": { type: "string", default: "120" },
    flood: { type: "string", default: "400" },
    seconds: { type: "string", default: "90" },
  },
});
const limit = wholeNumber("--per-minute", values["per-minute"], { atLeast: 1 });
const flood = wholeNumber("--flood", values.flood, { atLeast: 1 });
const seconds = wholeNumber("--seconds", values.seconds, { atLeast: 1 });

// Before wrangler is loaded: its own notes are not the bench's.
process.env["WRANGLER_LOG"] ??= "error";
process.env["CLOUDFLARE_CF_FETCH_ENABLED"] ??= "false";
const { startLocalGateway } = await import("../../dev/lib/local-gateway.ts");
const { atLeast, atMost, line, printTable } = await import("../partition/table.ts");

const HIGH_SHARE = 0.25;
/** What low priority may use of a limit. */
const LOW_SHARE = 0.5;
const CUSTOMERS = { flood: 40, steady: 10 };
const BUDGET_MS = 30_000;
/** How long the last of high may take beyond the trickle: past it they count as never done. */
const GRACE_MS = 45_000;
const SENDERS = 8;

type Source = keyof typeof CUSTOMERS;

interface Accepted {
  readonly eventId: string;
  readonly atMs: number;
}

const gateway = await startLocalGateway({
  main: "bench/priority/worker/bench.worker.ts",
  laneShards: 3,
  logLevel: "error",
  vars: { BENCH_REQUESTS_PER_MINUTE: String(limit) },
});
try {
  const startedAtMs = Date.now();
  const [low, high] = await Promise.all([sendFlood(), trickle(startedAtMs + seconds * 1_000)]);
  const lastAtMs = Math.max(...high.map(({ atMs }) => atMs));
  while (missing(high) > 0 && Date.now() < lastAtMs + GRACE_MS) await sleep(200);
  const endedAtMs = Date.now();
  const waits = waitsOf(high);
  const lowDone = doneAtMs(low).filter((atMs) => atMs <= endedAtMs).length;
  const ranMinutes = (endedAtMs - startedAtMs) / 60_000;
  const lowShare = Math.min(flood, limit * LOW_SHARE * ranMinutes);
  const lines = [
    line("low: accepted", String(low.length), `${CUSTOMERS.flood} customers, all at once`),
    line("high: accepted", String(high.length), `one every ${(60 / (limit * HIGH_SHARE)).toFixed(1)} s`),
    atMost("high: never done", missing(high), 0),
    atMost("high: accepted to done, p50, s", quantile(waits, 0.5) / 1_000, BUDGET_MS / 1_000),
    atMost("high: accepted to done, p95, s", quantile(waits, 0.95) / 1_000, BUDGET_MS / 1_000),
    atLeast(
      "low: done, part of what its share allows",
      lowDone / lowShare,
      0.5,
      `${lowDone} in ${ranMinutes.toFixed(1)} min`,
    ),
  ];
  printTable(`A flood of low under a limit of ${limit} calls a minute`, lines);
  process.exitCode = lines.some((one) => one.isOver) ? 1 : 0;
} finally {
  await gateway.close();
}

async function sendFlood(): Promise<Accepted[]> {
  const accepted: Accepted[] = [];
  let next = 0;
  const send = async () => {
    while (next < flood) accepted.push(await accept("flood", next++));
  };
  await Promise.all(Array.from({ length: SENDERS }, send));
  return accepted;
}

async function trickle(untilMs: number): Promise<Accepted[]> {
  const everyMs = 60_000 / (limit * HIGH_SHARE);
  const accepted: Accepted[] = [];
  for (let nextMs = Date.now(); nextMs < untilMs; nextMs += everyMs) {
    await sleep(Math.max(0, nextMs - Date.now()));
    accepted.push(await accept("steady", accepted.length));
  }
  return accepted;
}

/** Like any sender: what was not accepted is sent again. */
async function accept(source: Source, index: number): Promise<Accepted> {
  const id = `msg_${source}_${index}`;
  const body = JSON.stringify({
    type: "note",
    customer: `${source}-${index % CUSTOMERS[source]}`,
    text: `note ${source} ${index}`,
  });
  for (;;) {
    const headers = {
      "content-type": "application/json",
      ...signStandardWebhooks(id, body, DEMO_SECRETS.media, Math.floor(Date.now() / 1_000)),
    };
    const response = await fetch(`${gateway.url}/in/${source}`, { method: "POST", headers, body });
    const answer: unknown = await response.json();
    const eventId: unknown = typeof answer === "object" && answer !== null ? Reflect.get(answer, "id") : null;
    if (response.status === 200 && typeof eventId === "string") return { eventId, atMs: Date.now() };
    if (response.status !== 503)
      throw new Error(`/in/${source}: ${response.status} ${JSON.stringify(answer)}`);
    await sleep(500);
  }
}

function arrivals(): ReadonlyMap<string, number> {
  const byEvent = new Map<string, number>();
  for (const { webhookId, receivedAtMs } of gateway.sink.records.entries()) {
    const [eventId] = webhookId?.split(".") ?? [];
    if (eventId !== undefined && !byEvent.has(eventId)) byEvent.set(eventId, receivedAtMs);
  }
  return byEvent;
}

function doneAtMs(accepted: readonly Accepted[]): number[] {
  const byEvent = arrivals();
  return accepted.flatMap(({ eventId }) => byEvent.get(eventId) ?? []);
}

function missing(accepted: readonly Accepted[]): number {
  return accepted.length - doneAtMs(accepted).length;
}

function waitsOf(accepted: readonly Accepted[]): readonly number[] {
  const byEvent = arrivals();
  const waits = accepted.map(({ eventId, atMs }) => (byEvent.get(eventId) ?? Infinity) - atMs);
  return waits.toSorted((one, other) => one - other);
}

function quantile(sorted: readonly number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Infinity;
}
