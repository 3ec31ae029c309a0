/**
 * `npm run bench:bodies`: what large bodies hold alive in the gateway's isolate. An isolate has 128 MB; workerd by itself holds nobody
 * to it. So V8 is given a cap on the isolate's heap, and the runtime dies when what is alive exceeds it: the smallest cap under
 * which a body goes through is its peak, decoding and parsing included, where nobody could look. Buffers, the body's own bytes
 * among them, are not in the heap and are counted beside it. Exits 1 when a body of the largest size, or a crowd, does not fit.
 */
import { createHmac, randomUUID } from "node:crypto";
import { startBareRuntime, type BareRuntime } from "../../dev/lib/bare-runtime.ts";
import { commandLine } from "../../dev/lib/command-line.ts";
import { ASCII, KINDS, type Kind } from "./bodies.ts";

const USAGE = `npm run bench:bodies -- [options]
  --mib 25             how large the bodies are
  --kind ""            only kinds with this in their name`;

const { values, wholeNumber } = commandLine(USAGE, {
  options: { mib: { type: "string", default: "25" }, kind: { type: "string", default: "" } },
});
const sizeMib = wholeNumber("--mib", values.mib, { atLeast: 1 });

const MIB = 1_048_576;
const KIB = 1_024;
/** With 25 MiB of buffers beside it, an isolate of 128 MiB is nearly full. V8 itself wants some room above what is alive. */
const MAX_HEAP_MIB = 100;
const CAPS_MIB = [MAX_HEAP_MIB, 90, 80, 70, 60, 50, 40];
const ROUTES = ["queued", "asked"] as const;
const SECRET = "the secret of the bench's own senders";
const MAX_LISTENERS = 50;

process.setMaxListeners(MAX_LISTENERS);

function start(maxHeapMib: number): Promise<BareRuntime> {
  const queues = { LANE_HIGH: "lane", LANE_NORMAL: "lane", LANE_LOW: "lane", TELEMETRY: "lane" };
  const objects = {
    PARTITION: "PartitionObject",
    GUARD: "GuardObject",
    STREAM: "StreamObject",
    STREAM_INDEX: "StreamIndexObject",
  };
  const text = { SECRET, LOG_LEVEL: "error" };
  const gateway = { name: "gateway", main: "bench/bodies/worker/gateway.worker.ts" };
  return startBareRuntime(
    [
      { name: "lane", main: "bench/ingest/worker/lane.worker.ts" },
      { name: "store", main: "bench/bodies/worker/store.worker.ts" },
      { ...gateway, text, queues, services: { STORE: "store" }, objects },
    ],
    { maxHeapMib, isQuiet: true },
  );
}

type Status = number | "closed";

/** Signed as GitHub does (`queued`) or with GitLab's token (`asked`, whose sender waits for the pipeline). */
async function send(
  runtime: BareRuntime,
  route: string,
  kind: Kind,
  bytes: number,
  isForged = false,
): Promise<Status> {
  const id = randomUUID();
  const body = kind.body(bytes, id);
  const signature = createHmac("sha256", isForged ? "another" : SECRET)
    .update(body)
    .digest("hex");
  const headers = {
    "content-type": "application/json",
    "x-hub-signature-256": `sha256=${signature}`,
    "x-github-delivery": id,
    "x-github-event": "push",
    "x-gitlab-token": SECRET,
    "x-gitlab-event": "push",
    "idempotency-key": id,
  };
  try {
    const response = await fetch(`${runtime.url("gateway")}/in/${route}`, { method: "POST", headers, body });
    const answer = await response.text();
    // The default would be an answer that nobody read the body for.
    return route === "asked" && response.ok && !answer.includes('"by":"model"') ? 500 : response.status;
  } catch {
    // A refusal in the middle of a body, or the end of the runtime.
    return "closed";
  }
}

/** @returns the smallest heap, in MiB, in which a body of each kind goes through; absent: in none */
async function findHeaps(kinds: readonly Kind[]): Promise<ReadonlyMap<string, number>> {
  const heaps = new Map<string, number>();
  let left = kinds.flatMap((kind) => ROUTES.map((route) => ({ kind, route })));
  for (const cap of CAPS_MIB) {
    let runtime = await start(cap);
    const fitting: typeof left = [];
    for (const one of left) {
      if ((await send(runtime, one.route, one.kind, sizeMib * MIB)) === 200) {
        heaps.set(`${one.kind.name.padEnd(44)} ${one.route}`, cap);
        fitting.push(one);
      } else {
        await runtime.close();
        runtime = await start(cap);
      }
    }
    await runtime.close();
    left = fitting;
  }
  return heaps;
}

interface Crowd {
  readonly name: string;
  readonly allowed: readonly Status[];
  readonly senders: (runtime: BareRuntime) => readonly Promise<Status>[];
}

function times<Value>(count: number, make: (at: number) => Value): readonly Value[] {
  return Array.from({ length: count }, (_, at) => make(at));
}

/** @returns whether nobody was left without an answer that he may have, and the runtime lives */
async function sendCrowds(kinds: readonly Kind[]): Promise<boolean> {
  const kindAt = (at: number): Kind => kinds[at % kinds.length] ?? ASCII;
  const crowds: readonly Crowd[] = [
    {
      name: "6 of 25 MiB at once",
      allowed: [200, 503],
      senders: (runtime) => times(6, (at) => send(runtime, "queued", kindAt(at), 25 * MIB)),
    },
    {
      name: "6 of 25 MiB at once, forged",
      allowed: [401, 503, "closed"],
      senders: (runtime) => times(6, (at) => send(runtime, "queued", kindAt(at), 25 * MIB, true)),
    },
    {
      name: "1 of 25, 4 of 5 MiB and 20 of 500 KiB at once",
      allowed: [200, 503],
      senders: (runtime) => [
        send(runtime, "queued", kindAt(1), 25 * MIB),
        ...times(4, (at) => send(runtime, "asked", kindAt(at), 5 * MIB)),
        ...times(20, (at) => send(runtime, "queued", kindAt(at), 500 * KIB)),
      ],
    },
    {
      name: "60 of 60 KiB beside 1 of 25 MiB",
      allowed: [200],
      senders: (runtime) => [
        send(runtime, "queued", kindAt(1), 25 * MIB),
        ...times(60, (at) => send(runtime, "queued", kindAt(at), 60 * KIB)),
      ],
    },
  ];
  const runtime = await start(MAX_HEAP_MIB);
  let isWell = true;
  for (const { name, allowed, senders } of crowds) {
    const statuses = await Promise.all(senders(runtime));
    const counts = Map.groupBy(statuses, (status) => status);
    const words = [...counts].map(([status, { length }]) => `${length} × ${status}`).join(", ");
    console.log(`${name.padEnd(54)} ${words}`);
    isWell &&= statuses.every((status) => allowed.includes(status));
  }
  const lives = (await send(runtime, "queued", kindAt(0), KIB)) === 200;
  await runtime.close();
  return isWell && lives;
}

const kinds = KINDS.filter(({ name }) => name.includes(values.kind));
const heaps = await findHeaps(kinds);
for (const [what, heapMib] of heaps)
  console.log(`${what.padEnd(54)} ${String(heapMib).padStart(3)} MiB of heap`);
const fit = heaps.size === kinds.length * ROUTES.length;
const crowdsFit = await sendCrowds(kinds);
if (!fit || !crowdsFit) console.error("not everything fits");
process.exitCode = fit && crowdsFit ? 0 : 1;
