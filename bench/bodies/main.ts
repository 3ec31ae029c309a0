/**
 * `npm run bench:bodies`: the memory that large bodies take in the real Worker, from the wire to the pipeline. What is
 * shown is the whole local runtime's resident memory, its stand-ins for R2 and queues included, so it is more than
 * an isolate's share. Figures of this machine; nothing is asserted.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { commandLine } from "../../dev/lib/command-line.ts";
import { residentMibOfWorkerd } from "../../dev/lib/resident-memory.ts";

const USAGE = `npm run bench:bodies
  No options: it prints the memory that bodies of several sizes take.`;

commandLine(USAGE, {});

// Before wrangler is loaded: its own notes are not the bench's.
process.env["WRANGLER_LOG"] ??= "error";
process.env["CLOUDFLARE_CF_FETCH_ENABLED"] ??= "false";
const { startLocalGateway } = await import("../../dev/lib/local-gateway.ts");
const { seededRandom } = await import("../../dev/lib/random.ts");
const { makeCustomers } = await import("../../dev/senders/customers.ts");
const { buildDocumentSample } = await import("../../dev/senders/documents.ts");
const { DEMO_SECRETS, forge, signSample } = await import("../../dev/senders/sample.ts");

const MIB = 1_048_576;
const LOOK_EVERY_MS = 20;
const random = seededRandom(1);
const customers = makeCustomers(random, 100);
const gateway = await startLocalGateway({ logLevel: "error" });

type Status = number | "closed";

/** A signed document of this size; text that is ASCII, or that needs two bytes a character in memory. */
function documentOf(at: number, sizeBytes: number, filler: string, isForged = false) {
  const customer = customers[at % customers.length];
  if (customer === undefined) throw new Error("no customers");
  const nowSeconds = Math.floor(Date.now() / 1_000);
  const sample = buildDocumentSample(random, { customer, createdSeconds: nowSeconds });
  const bare = Buffer.byteLength(JSON.stringify(sample.payload)) + ',"scan":""'.length;
  const scan = filler.repeat(Math.floor((sizeBytes - bare) / Buffer.byteLength(filler)));
  const request = signSample({ ...sample, payload: { ...sample.payload, scan } }, DEMO_SECRETS, nowSeconds);
  return isForged ? forge(request) : request;
}

/** A refusal in the middle of a body may close the connection before its sender has read it. */
async function send(request: ReturnType<typeof documentOf>): Promise<Status> {
  try {
    const response = await fetch(`${gateway.url}/in/documents`, { method: "POST", ...request });
    await response.text();
    return response.status;
  } catch {
    return "closed";
  }
}

async function peakMib(work: () => Promise<readonly Status[]>): Promise<string> {
  let peak = 0;
  const ended = new AbortController();
  const watching = (async () => {
    while (!ended.signal.aborted) {
      peak = Math.max(peak, residentMibOfWorkerd(process.pid));
      await sleep(LOOK_EVERY_MS);
    }
  })();
  const statuses = await work();
  ended.abort();
  await watching;
  return `${peak.toFixed(0).padStart(6)} MiB   answers ${statuses.join(" ")}`;
}

async function oneByOne(
  count: number,
  make: (at: number) => ReturnType<typeof documentOf>,
): Promise<Status[]> {
  const statuses: Status[] = [];
  for (let at = 0; at < count; at++) statuses.push(await send(make(at)));
  return statuses;
}

function atOnce(count: number, make: (at: number) => ReturnType<typeof documentOf>): Promise<Status[]> {
  return Promise.all(Array.from({ length: count }, (_, at) => send(make(at))));
}

try {
  const rows: readonly (readonly [string, () => Promise<readonly Status[]>])[] = [
    ["20 of 10 KiB", () => oneByOne(20, (at) => documentOf(at, 10_240, "x"))],
    ["5 of 1 MiB", () => oneByOne(5, (at) => documentOf(at, MIB - 1, "x"))],
    ["1 of 25 MiB, ASCII", () => oneByOne(1, (at) => documentOf(at, 25 * MIB, "x"))],
    ["5 of 25 MiB, ASCII, one by one", () => oneByOne(5, (at) => documentOf(at, 25 * MIB, "x"))],
    [
      "5 of 25 MiB, not ASCII",
      () => oneByOne(5, (at) => documentOf(at, 25 * MIB, "xxxxxxxxxxxxxxxxxxxxxé漢")),
    ],
    ["6 of 25 MiB at once", () => atOnce(6, (at) => documentOf(at, 25 * MIB, "x"))],
    // Forging adds a byte: one more than is allowed would be refused before its signature is looked at.
    ["6 forged of 25 MiB at once", () => atOnce(6, (at) => documentOf(at, 25 * MIB - 1, "x", true))],
    ["20 of 10 KiB again", () => oneByOne(20, (at) => documentOf(at, 10_240, "x"))],
  ];
  for (const [what, work] of rows) console.log(`${what.padEnd(34)}${await peakMib(work)}`);
} finally {
  await gateway.close();
}
