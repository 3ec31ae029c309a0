/**
 * `npm run demo`: the real Worker on the real runtime, some two hundred signed events of several customers through
 * lanes that shuffle and duplicate, one streamed answer, and a table of what came of it. Exits non-zero when a
 * promise was broken, as the sink's own record shows it.
 */
import { commandLine } from "../lib/command-line.ts";
import { tickEveryMinute } from "../lib/cron.ts";
import { isKept, judge } from "./judge.ts";
import { messageOf } from "../../src/core/result.ts";
import { readDevVariables, type DevVariables } from "./dev-variables.ts";
import { sendAgain } from "./duplicate.ts";
import { createProgress, printJudgement, printProblems } from "./screen.ts";
import { streamOneAnswer } from "./stream.ts";
import { planTraffic, POISON_MARK, sendTraffic, type Sent } from "./traffic.ts";

const USAGE = `npm run demo -- [options]
  --once               exit when the table is printed
  --events 200         how many events
  --seed 1             another day's traffic
  --break ordering     switch ordering off: the demo must notice and exit 1
  --break dedupe       switch dedupe off: likewise
  --dev-vars .dev.vars where local values are, as in MODEL_BASE_URL=https://api.openai.com/v1`;

const MAIN_BY_BREAK = {
  ordering: "dev/workers/broken-ordering.worker.ts",
  dedupe: "dev/workers/broken-dedupe.worker.ts",
} as const;

const { values, wholeNumber, oneOf } = commandLine(USAGE, {
  options: {
    once: { type: "boolean", default: false },
    events: { type: "string", default: "200" },
    seed: { type: "string", default: "1" },
    break: { type: "string" },
    "dev-vars": { type: "string", default: ".dev.vars" },
  },
});
const count = wholeNumber("--events", values.events, { atLeast: 1 });
const seed = wholeNumber("--seed", values.seed, { atLeast: 0 });
const broken =
  values.break === undefined ? undefined : oneOf("--break", values.break, ["ordering", "dedupe"]);

// Before wrangler is loaded: its own notes are not the demo's.
process.env["WRANGLER_LOG"] ??= "error";
process.env["CLOUDFLARE_CF_FETCH_ENABLED"] ??= "false";
const { LOCAL_ADMIN_TOKEN, LOCAL_API_TOKEN, OWN_VARIABLES, startLocalGateway } =
  await import("../lib/local-gateway.ts");

const variables = devVariables();
console.log("\nSluice demo: the real Worker on workerd; queues, objects, KV and R2 in their local form;");
console.log(
  variables.modelUrl === null
    ? "the model is a small embedded stand-in, the destinations are a local sink.\n"
    : "the model is the one that .dev.vars names, the destinations are a local sink.\n",
);
const main = broken === undefined ? undefined : MAIN_BY_BREAK[broken];
const gateway = await startLocalGateway({
  shuffleLanes: true,
  laneShards: 3,
  logLevel: "warn",
  vars: variables.values,
  ...(main === undefined ? {} : { main }),
});
await fetch(`${gateway.model.url}/__control/faults`, {
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify({
    match: POISON_MARK,
    status: 400,
    code: "invalid_value",
    message: "cannot be answered",
  }),
});
const modelUrl = variables.modelUrl ?? `${gateway.model.url}/v1`;
console.log(`  gateway ${gateway.url}   model ${modelUrl}   sink ${gateway.sink.url}`);
const set = Object.keys(variables.values).toSorted();
if (set.length > 0) console.log(`  .dev.vars sets ${set.join(", ")}`);
if (broken !== undefined) console.log(`  ${broken} is switched off: this run must fail`);
console.log("");

const progress = createProgress();
const planned = planTraffic(count, seed);
const soFar: Sent[] = [];
const sent = await sendTraffic(gateway.url, planned, (one) => {
  soFar.push(one);
  progress.show(`sent ${soFar.length}/${planned.length}, delivered ${gateway.sink.records.entries().length}`);
});
await untilSettled();
progress.end(`sent ${sent.length} requests, ${gateway.sink.records.entries().length} deliveries at the sink`);

const duplicate = await sendAgain(gateway.url, sent);
console.log("\n  One event sent again, and answered with what it came to:\n");
console.log(`    ${duplicate.text}\n`);

console.log("  One answer, streamed:\n");
const terminal = await streamOneAnswer(gateway.url, LOCAL_API_TOKEN);

const judgement = judge(sent, gateway.sink.records.entries());
const poison = await stateOf(sent.find((one) => one.kind === "poison")?.eventId);
const invalid = await stateOf(sent.find((one) => one.kind === "invalid")?.eventId);
printJudgement(judgement);
// The stand-in is told to refuse one event. What a real model says to it is the model's.
const isPoisonRight = variables.modelUrl !== null || poison === "dead";
const kept =
  isKept(judgement) && duplicate.isAnswered && terminal === "done" && isPoisonRight && invalid === "dead";
console.log(
  `\n  the event the model refuses: ${poison}; the one that breaks its schema: ${invalid}; the stream: ${terminal}`,
);
printProblems(judgement);
console.log(kept ? "\n  Every promise was kept.\n" : "\n  A promise was broken.\n");
process.exitCode = kept ? 0 : 1;

const example = sent.find((one) => one.kind === "event" && one.eventId !== null)?.eventId;
if (!values.once && example !== undefined && example !== null) {
  console.log("  Look at one event (state, timeline, output, deliveries):\n");
  console.log(
    `    curl -s -H 'authorization: Bearer ${LOCAL_API_TOKEN}' \\\n      ${gateway.url}/v1/events/${example}\n`,
  );
  console.log(`  What the sink received:  curl -s ${gateway.sink.url}/__control/records\n`);
  console.log(`  The dashboard:  ${gateway.url}/dashboard   log in with  ${LOCAL_ADMIN_TOKEN}\n`);
  console.log("  Ctrl-C ends the demo.");
  const stopTicking = tickEveryMinute(() => gateway.runCron());
  await new Promise<void>((resolve) => {
    process.once("SIGINT", resolve);
    process.once("SIGTERM", resolve);
  });
  await stopTicking();
}
await gateway.close();

function devVariables(): DevVariables {
  try {
    return readDevVariables(values["dev-vars"], OWN_VARIABLES);
  } catch (thrown) {
    console.error(messageOf(thrown));
    return process.exit(2);
  }
}

/** Until everything expected is at the sink and nothing more comes, or for two minutes. */
async function untilSettled(): Promise<void> {
  const deadlineMs = Date.now() + 120_000;
  let quietSinceMs = Date.now();
  let seen = -1;
  while (Date.now() < deadlineMs) {
    const records = gateway.sink.records.entries();
    if (records.length !== seen) quietSinceMs = Date.now();
    seen = records.length;
    const { missing, delivered } = judge(sent, records);
    progress.show(`sent ${sent.length}, delivered ${delivered}, outstanding ${missing.length}`);
    // Repeats come late if they come at all: silence for a while is part of the proof.
    if (missing.length === 0 && Date.now() - quietSinceMs > 4_000) return;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

async function stateOf(eventId: string | null | undefined): Promise<string> {
  const response = await fetch(`${gateway.url}/v1/events/${eventId ?? ""}`, {
    headers: { authorization: `Bearer ${LOCAL_API_TOKEN}` },
  });
  const view: unknown = await response.json();
  const state: unknown = typeof view === "object" && view !== null ? Reflect.get(view, "state") : null;
  return typeof state === "string" ? state : `http_${response.status}`;
}
