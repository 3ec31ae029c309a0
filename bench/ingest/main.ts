/**
 * `npm run bench:ingest`: what the front door costs, on workerd with nothing in front or beside. Budgets: docs/design.md,
 * section 12. Ratios within this run; nothing is asserted, and times depend on the machine.
 */
import { commandLine } from "../../dev/lib/command-line.ts";

const USAGE = `npm run bench:ingest -- [options]
  --only cpu           only one part: cpu, loop or verifications
  --rounds 9           rounds of each Worker, in turn
  --requests 3000      requests in a round`;

const { values, wholeNumber, oneOf } = commandLine(USAGE, {
  options: {
    only: { type: "string" },
    rounds: { type: "string", default: "9" },
    requests: { type: "string", default: "3000" },
  },
});
const rounds = wholeNumber("--rounds", values.rounds, { atLeast: 1 });
const perRound = wholeNumber("--requests", values.requests, { atLeast: 1 });
const only =
  values.only === undefined ? undefined : oneOf("--only", values.only, ["cpu", "loop", "verifications"]);

// Before wrangler is loaded: its own notes are not the bench's.
process.env["WRANGLER_LOG"] ??= "error";
process.env["CLOUDFLARE_CF_FETCH_ENABLED"] ??= "false";
const { startBareRuntime } = await import("../../dev/lib/bare-runtime.ts");
const { measureCpu } = await import("./cpu.ts");
const { measureVerifications } = await import("./verifications.ts");
const { measureLoop } = await import("./loop.ts");
const { closeLoad, SECRET } = await import("./load.ts");
const { printTable } = await import("../partition/table.ts");

const objects = {
  PARTITION: "PartitionObject",
  GUARD: "GuardObject",
  STREAM: "StreamObject",
  STREAM_INDEX: "StreamIndexObject",
};
/** Looked at when the gateway starts; no body here is large enough to be kept. */
const buckets = { PAYLOADS: "lane" };
const runtime = await startBareRuntime([
  { name: "lane", main: "bench/ingest/worker/lane.worker.ts" },
  {
    name: "bare",
    main: "bench/ingest/worker/bare.worker.ts",
    text: { SECRET },
    queues: { LANE: "lane" },
  },
  {
    name: "floor",
    main: "bench/ingest/worker/floor.worker.ts",
    text: { SECRET },
    queues: { LANE: "lane" },
  },
  {
    name: "gateway",
    main: "bench/ingest/worker/gateway.worker.ts",
    text: { SECRET, LOG_LEVEL: "info" },
    queues: { LANE_HIGH: "lane", LANE_NORMAL: "lane", LANE_LOW: "lane", TELEMETRY: "lane" },
    buckets,
    objects,
  },
  {
    name: "loop",
    main: "bench/ingest/worker/loop.worker.ts",
    text: { SECRET, LOG_LEVEL: "info" },
    buckets,
    objects,
  },
  { name: "verify", main: "bench/ingest/worker/verify.worker.ts" },
]);
try {
  const wants = (part: typeof only) => only === undefined || only === part;
  if (wants("cpu")) {
    const lines = await measureCpu(runtime, { rounds, perRound });
    printTable("CPU of the runtime per ingested event", lines);
  }
  if (wants("verifications")) {
    printTable("Verifications of 1 kB, by CPU time", await measureVerifications(runtime));
  }
  if (wants("loop")) printTable("CPU of the handlers alone", await measureLoop(runtime));
} finally {
  closeLoad();
  await runtime.close();
}
