/** A large backlog in one partition: how fast it grows, how long a claim takes along it, and that memory stays flat. */
import type { BenchGateway } from "./bench-gateway.ts";
import { line, type Line } from "./table.ts";

const PER_CALL = 5;
const STEP = 10_000;
const CLAIMS = 50;
const LOOKAHEAD = 4;

export async function measureBacklog(gateway: BenchGateway, backlog: number): Promise<Line[]> {
  await gateway.send({ kind: "configure", settings: { modelMs: 0, driverSlots: 5, answerRings: false } });
  const customer = "backlog";
  const lines: Line[] = [];
  for (let stored = 0; stored < backlog; stored += STEP) {
    const traffic = {
      customer,
      first: stored,
      count: Math.min(STEP, backlog - stored),
      lookahead: LOOKAHEAD,
    };
    const tookMs = Number(await gateway.send({ kind: "append", traffic, perCall: PER_CALL }));
    const total = stored + traffic.count;
    if (total !== STEP && total !== backlog) continue;
    const rate = ((traffic.count * 1_000) / tookMs).toFixed(0);
    lines.push(
      line(`offers at ${total.toLocaleString("en")} open, ${PER_CALL} a call`, `${rate} events/s`),
      line(`memory of the runtime at ${total.toLocaleString("en")} open`, mib(gateway)),
    );
  }
  lines.push(...(await claims(gateway, customer, `${backlog.toLocaleString("en")} open, at the start`)));
  await gateway.send({ kind: "finish", customer, count: backlog / 2 });
  lines.push(...(await claims(gateway, customer, "at the middle")));
  await gateway.send({ kind: "finish", customer, count: backlog / 2 - LOOKAHEAD });
  lines.push(...(await claims(gateway, customer, "at the end")));
  lines.push(line("memory of the runtime after the claims", mib(gateway)));
  return lines;
}

function mib(gateway: BenchGateway): string {
  return `${gateway.residentMib().toFixed(0)} MiB`;
}

/** The first after a restart counts what is open; the others don't. */
async function claims(gateway: BenchGateway, customer: string, where: string): Promise<Line[]> {
  const took = (await gateway.send({ kind: "claim", customer, count: CLAIMS })) as number[]; // our own Worker's answer
  const [first = Number.NaN, ...later] = took;
  const sorted = later.toSorted((left, right) => left - right);
  const median = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  return [line(`claim, ${where}`, `${median.toFixed(1)} ms`, `first ${first.toFixed(1)} ms, then median`)];
}
