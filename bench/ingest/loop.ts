/** The handlers alone, in a loop inside one Worker: what is left when HTTP and the queue's own way are taken off. */
import { createHmac } from "node:crypto";
import { cpuMs } from "../../dev/lib/runtime-process.ts";
import type { BareRuntime } from "../../dev/lib/bare-runtime.ts";
import { line, type Line } from "../partition/table.ts";
import { bodyOf, SECRET } from "./load.ts";

const ROUNDS = 5;
const WARM_UP = 4_000;
const PER_ROUND = 2_000;
const HANDLERS = ["nobody", "bare", "floor", "gateway"] as const;

type Handler = (typeof HANDLERS)[number];

export async function measureLoop(runtime: BareRuntime): Promise<Line[]> {
  const lines: Line[] = [];
  for (const bodyBytes of [1_000, 10_000]) {
    const costs: Record<Handler, number[]> = { nobody: [], bare: [], floor: [], gateway: [] };
    for (const handler of HANDLERS) await run(runtime, handler, WARM_UP, bodyBytes);
    for (let round = 0; round < ROUNDS; round++) {
      for (const handler of HANDLERS) {
        const beforeMs = cpuMs(runtime.pid);
        await run(runtime, handler, PER_ROUND, bodyBytes);
        costs[handler].push(((cpuMs(runtime.pid) - beforeMs) * 1_000) / PER_ROUND);
      }
    }
    const net = (handler: Handler) => median(costs[handler]) - median(costs.nobody);
    const size = `${bodyBytes / 1_000} kB`;
    lines.push(
      line(`${size}: the bare handler`, `${net("bare").toFixed(1)} µs`),
      line(`${size}: the floor`, `${net("floor").toFixed(1)} µs`, "what the promises ask, without a layer"),
      line(`${size}: the gateway`, `${net("gateway").toFixed(1)} µs`),
      line(`${size}: the floor / the bare handler`, (net("floor") / net("bare")).toFixed(2)),
      line(`${size}: the gateway / the floor`, (net("gateway") / net("floor")).toFixed(2)),
      line(`${size}: the gateway / the bare handler`, (net("gateway") / net("bare")).toFixed(2)),
    );
  }
  return lines;
}

async function run(runtime: BareRuntime, who: Handler, count: number, bodyBytes: number): Promise<void> {
  const body = bodyOf(1, bodyBytes);
  const seconds = Math.floor(Date.now() / 1_000);
  const digest = createHmac("sha256", SECRET).update(`${seconds}.${body}`).digest("hex");
  const work = { who, count, body, signature: `t=${seconds},v1=${digest}` };
  const response = await fetch(runtime.url("loop"), { method: "POST", body: JSON.stringify(work) });
  const answer = await response.text();
  if (answer !== JSON.stringify({ accepted: count })) throw new Error(`${who} answered ${answer}`);
}

function median(values: readonly number[]): number {
  return values.toSorted((left, right) => left - right)[Math.floor(values.length / 2)] ?? Number.NaN;
}
