/**
 * `npm run shadow:demo`: a thousand signed events are moderated by the real Worker; then a second version of the pipeline, on
 * a smaller model, runs over them in shadow, and the report says what it would have changed. Exits non-zero when the shadow
 * delivered anything, or left an event out.
 */
import { createProgress } from "../demo/screen.ts";
import { commandLine } from "../lib/command-line.ts";
import { createOperatorClient } from "./operator-client.ts";
import { exampleIds, printExamples, printReport } from "./screen.ts";
import { planComments, sendAll } from "./traffic.ts";

const USAGE = `npm run shadow:demo -- [options]
  --events 1000        how many events
  --seed 1             other comments`;

const { values, wholeNumber } = commandLine(USAGE, {
  options: { events: { type: "string", default: "1000" }, seed: { type: "string", default: "1" } },
});
const count = wholeNumber("--events", values.events, { atLeast: 1 });
const seed = wholeNumber("--seed", values.seed, { atLeast: 0 });

// Before wrangler is loaded: its own notes are not the demo's.
process.env["WRANGLER_LOG"] ??= "error";
process.env["CLOUDFLARE_CF_FETCH_ENABLED"] ??= "false";
const { startLocalGateway } = await import("../lib/local-gateway.ts");

const PATIENCE_MS = 600_000;
const LANE_SHARDS = 4;

console.log(
  "\nA second moderation over stored events, in shadow: nothing is written to their log, nothing delivered.\n",
);
const gateway = await startLocalGateway({ laneShards: LANE_SHARDS, logLevel: "error" });
const progress = createProgress();
const operator = createOperatorClient(gateway.url);
const deliveries = () => gateway.sink.records.entries().length;

await sendAll(gateway.url, planComments(count, seed), (sent) => progress.show(`sent ${sent}/${count}`));
await until(async () => {
  const done = await operator.countDone("moderation");
  progress.show(`sent ${count}, delivered ${deliveries()}, in the ledger ${done}`);
  // The verdicts' queue may be behind: what comes later must not be taken for the shadow's.
  return done >= count && deliveries() >= count;
});
progress.end(`${count} events moderated, ${deliveries()} verdicts delivered`);

const deliveredBefore = deliveries();
const id = await operator.startShadow({
  from: "moderation",
  to: "moderation-v2",
  events: count,
  decisionFields: ["verdict"],
});
const worker = gateway.harness.getWorker("sluice");
await until(async () => {
  // The cron, which the local runtime leaves to whoever asks.
  const minute = worker.scheduled({ cron: "* * * * *", scheduledTime: new Date() });
  const { status, progress: so } = await operator.readReplay(id);
  progress.show(`shadow: ${so.applied + so.refused + so.failed}/${so.seen} of ${count}`);
  await minute;
  return status === "done";
});
const replay = await operator.readReplay(id);
progress.end(`shadow run ${id} is ${replay.status}`);

printReport(replay);
const texts = new Map<string, string>();
for (const example of exampleIds(replay)) texts.set(example, await operator.payloadOf(example));
printExamples(replay, texts);

const silent = deliveries() === deliveredBefore;
const complete = replay.report.compared === count;
console.log(
  `\n  Deliveries by the shadow: ${deliveries() - deliveredBefore}. Compared: ${replay.report.compared} of ${count}.\n`,
);
process.exitCode = silent && complete ? 0 : 1;
await gateway.close();

async function until(isTrue: () => Promise<boolean>): Promise<void> {
  const deadlineMs = Date.now() + PATIENCE_MS;
  while (!(await isTrue())) {
    if (Date.now() > deadlineMs) throw new Error("it takes too long");
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}
