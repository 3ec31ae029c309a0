/**
 * Own CPU per ingested event against the bare handler, on one workerd: rounds of both in turn, the process's CPU time by
 * the scheduler's own count, medians, and the ratio of the two.
 */
import { cpuMs } from "../../dev/lib/runtime-process.ts";
import type { BareRuntime } from "../../dev/lib/bare-runtime.ts";
import { atMost, line, type Line } from "../partition/table.ts";
import { sendLoad } from "./load.ts";

const BUDGET = 1.25;
/** Requests to each Worker before the first round: until the compiler has seen them. */
const WARM_UP = 3_000;

export interface CpuOptions {
  readonly rounds: number;
  readonly perRound: number;
}

export async function measureCpu(runtime: BareRuntime, options: CpuOptions): Promise<Line[]> {
  const lines: Line[] = [];
  for (const bodyBytes of [1_000, 10_000]) {
    const measured = await interleaved(runtime, bodyBytes, options);
    const { gateway = Number.NaN, floor = Number.NaN, bare = Number.NaN, empty = Number.NaN } = measured;
    const size = `${bodyBytes / 1_000} kB`;
    lines.push(
      line(`${size}: an empty answer`, `${empty.toFixed(1)} µs`, "HTTP alone"),
      line(`${size}: the bare handler`, `${bare.toFixed(1)} µs`),
      line(`${size}: the floor`, `${floor.toFixed(1)} µs`, "what the promises ask, without a layer"),
      line(`${size}: the gateway`, `${gateway.toFixed(1)} µs`),
      atMost(`${size}: the gateway / the bare handler`, gateway / bare, BUDGET, "medians of the rounds"),
      line(`${size}: the floor / the bare handler`, (floor / bare).toFixed(2)),
      line(`${size}: the gateway / the floor`, (gateway / floor).toFixed(2)),
      line(
        `${size}: the gateway / the bare handler, without HTTP`,
        ((gateway - empty) / (bare - empty)).toFixed(2),
      ),
    );
  }
  return lines;
}

/** @returns microseconds of CPU per request, by Worker */
async function interleaved(
  runtime: BareRuntime,
  bodyBytes: number,
  { rounds, perRound }: CpuOptions,
): Promise<Readonly<Record<string, number>>> {
  const urls = {
    empty: `${runtime.url("lane")}/`,
    bare: `${runtime.url("bare")}/`,
    floor: `${runtime.url("floor")}/in/stripe`,
    gateway: `${runtime.url("gateway")}/in/stripe`,
  };
  const costs: Record<string, number[]> = {};
  for (const url of Object.values(urls)) await sendLoad({ url, count: WARM_UP, bodyBytes });
  for (let round = 0; round < rounds; round++) {
    for (const [name, url] of Object.entries(urls)) {
      const before = cpuMs(runtime.pid);
      await sendLoad({ url, count: perRound, bodyBytes });
      (costs[name] ??= []).push(((cpuMs(runtime.pid) - before) * 1_000) / perRound);
    }
  }
  return Object.fromEntries(Object.entries(costs).map(([name, values]) => [name, median(values)]));
}

function median(values: readonly number[]): number {
  return values.toSorted((left, right) => left - right)[Math.floor(values.length / 2)] ?? Number.NaN;
}
