/**
 * `npm run bench:sync`: what a sender waits for on a sync route, against what the model itself takes, in one run on the
 * real local runtime; and at the deadline. Both are measured from this process, the model's part by a stand-in that
 * answers after a fixed time and notes how long it really took. Figures of this machine; nothing is asserted.
 */
import { randomUUID } from "node:crypto";
import { commandLine } from "../../dev/lib/command-line.ts";
import { LOCAL_CHECKOUT_SECRET } from "../../dev/lib/local-secrets.ts";
import { signStandard } from "./sign.ts";
import { startTimedModel } from "./timed-model.ts";

/** The showcase's. */
const DEADLINE_MS = 800;
const MODEL_MS = 150;
const USAGE = `npm run bench:sync -- [options]
  --requests 100       of each kind
  --at-once 1          how many senders wait at the same time`;

const { values, wholeNumber } = commandLine(USAGE, {
  options: {
    requests: { type: "string", default: "100" },
    "at-once": { type: "string", default: "1" },
  },
});
const requests = wholeNumber("--requests", values.requests, { atLeast: 1 });
const atOnce = wholeNumber("--at-once", values["at-once"], { atLeast: 1 });

// Before wrangler is loaded: its own notes are not the bench's.
process.env["WRANGLER_LOG"] ??= "error";
process.env["CLOUDFLARE_CF_FETCH_ENABLED"] ??= "false";
const { startLocalGateway } = await import("../../dev/lib/local-gateway.ts");

const model = await startTimedModel();
const gateway = await startLocalGateway({
  logLevel: "error",
  vars: { MODEL_BASE_URL: `${model.url}/v1` },
});

interface Answered {
  readonly tookMs: number;
  readonly by: string;
}

/** @param customer a new one's partition has to be made first, which is the platform's work */
async function ask(id: string, customer = `cus_${id.slice(-8)}`): Promise<Answered> {
  const body = JSON.stringify({
    type: "payment.attempted",
    data: {
      payment_id: id,
      customer_id: customer,
      amount: 4_200,
      currency: "EUR",
      country: "DE",
      card_country: "DE",
      account_age_days: 30,
    },
  });
  const headers = signStandard(LOCAL_CHECKOUT_SECRET, id, body);
  const startedMs = performance.now();
  const response = await fetch(`${gateway.url}/in/checkout`, { method: "POST", headers, body });
  const answer = (await response.json()) as { readonly by?: string; readonly status?: string }; // the gateway's own
  const tookMs = performance.now() - startedMs;
  return { tookMs, by: response.ok ? (answer.by ?? answer.status ?? "?") : String(response.status) };
}

/** What the way to the gateway and back takes by itself, on this machine and now. */
async function askNothing(): Promise<Answered> {
  const startedMs = performance.now();
  await (await fetch(`${gateway.url}/healthz`)).text();
  return { tookMs: performance.now() - startedMs, by: "nobody" };
}

const newId = () => `msg_${randomUUID()}`;

async function askMany(count: number, one: (at: number) => Promise<Answered>): Promise<Answered[]> {
  const answers: Answered[] = [];
  let next = 0;
  const worker = async () => {
    while (next < count) answers.push(await one(next++));
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return answers;
}

function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

function row(what: string, answers: readonly Answered[], modelMs: readonly number[]): void {
  const took = answers.map(({ tookMs }) => tookMs);
  const by = Object.entries(Object.groupBy(answers, (answer) => answer.by)).map(
    ([who, list]) => `${who} ${list?.length ?? 0}`,
  );
  const figures = [0.5, 0.99].map((share) => {
    const ours = percentile(took, share);
    const theirs = percentile(modelMs, share);
    const ratio = modelMs.length === 0 ? "" : ` (model ${theirs.toFixed(0)}, ×${(ours / theirs).toFixed(2)})`;
    return `p${share * 100} ${ours.toFixed(0).padStart(4)} ms${ratio}`;
  });
  console.log(`${what.padEnd(42)} ${figures.join("   ")}   ${by.join(", ")}`);
}

try {
  console.log(`${requests} requests, ${atOnce} at a time; deadline ${DEADLINE_MS} ms\n`);
  model.delayMs = 0;
  await askMany(10, () => ask(newId()));
  row("nothing is asked (GET /healthz)", await askMany(requests, askNothing), []);

  for (const delayMs of [0, MODEL_MS]) {
    model.delayMs = delayMs;
    const ids = Array.from({ length: requests }, newId);
    const idAt = (at: number) => ids[at] ?? "";
    for (const [whose, customer] of [
      ["new customers", undefined],
      ["known customers", "cus_known"],
    ] as const) {
      model.tookMs.length = 0;
      const answers = await askMany(requests, (at) =>
        ask(customer === undefined ? idAt(at) : newId(), customer),
      );
      row(`model answers after ${delayMs} ms: ${whose}`, answers, [...model.tookMs]);
    }
    if (delayMs > 0) row("the same again: duplicates", await askMany(requests, (at) => ask(idAt(at))), []);
  }
  model.delayMs = 3_000;
  const late = await askMany(Math.min(requests, 20), () => ask(newId()));
  row("model too slow: the default", late, []);
  const over = late.filter(({ tookMs }) => tookMs > DEADLINE_MS).length;
  console.log(`\nafter the deadline, as seen from outside: ${over} of ${late.length}`);
} finally {
  await gateway.close();
  await model.close();
}
