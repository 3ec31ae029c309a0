/** Rows written and Durable Object requests per event: alone, busy, and the same on top of many stored rows. */
import type { BenchGateway } from "./bench-gateway.ts";
import { requestsOf, type BenchReading, type Counts } from "./commands.ts";
import { atMost, line, type Line } from "./table.ts";

const MODEL_MS = 200;
const LOOKAHEAD = 4;
const ALONE_EVENTS = 10;
const BUSY_EVENTS = 150;
/** 17 events a second: five sixths of what a lookahead of four allows. */
const BUSY_EVERY_MS = 60;
const BUDGET = { aloneRows: 5, aloneRequests: 4, busyRows: 4.5, busyRequests: 3.5 } as const;

export async function measureCosts(gateway: BenchGateway, stored: number): Promise<Line[]> {
  await gateway.send({
    kind: "configure",
    settings: { modelMs: MODEL_MS, driverSlots: 5, answerRings: true },
  });
  const lines: Line[] = [];
  for (const rows of [0, 1_000, stored]) {
    const customer = `stored-${rows}`;
    await feed(gateway, customer, 0, 1);
    if (rows > 0) await gateway.send({ kind: "fill", customer, count: rows });
    await feed(gateway, customer, 1, 1);
    lines.push(...(await alone(gateway, customer, rows)), ...(await busy(gateway, customer, rows, 5)));
    if (rows === 0) lines.push(...(await busy(gateway, customer, rows, 1)));
  }
  return lines;
}

async function alone(gateway: BenchGateway, customer: string, rows: number): Promise<Line[]> {
  const what = `alone, ${rows.toLocaleString("en")} stored rows`;
  const cost = await costOf(gateway, customer, async () => {
    for (let n = 0; n < ALONE_EVENTS; n++) await feed(gateway, customer, 10 + n, 1);
  });
  return linesOf(what, cost, BUDGET.aloneRows, BUDGET.aloneRequests);
}

/** Batches as the lane makes them: an invocation each, started without waiting for the one before. */
async function busy(gateway: BenchGateway, customer: string, rows: number, batch: number): Promise<Line[]> {
  const what = `busy, batches of ${batch}, ${rows.toLocaleString("en")} stored rows`;
  const first = batch === 1 ? 2_000 : 1_000;
  const cost = await costOf(gateway, customer, async () => {
    const invocations: Promise<unknown>[] = [];
    for (let n = 0; n < BUSY_EVENTS; n += batch) {
      invocations.push(feed(gateway, customer, first + n, batch));
      await new Promise((resolve) => setTimeout(resolve, BUSY_EVERY_MS * batch));
    }
    await Promise.all(invocations);
  });
  return linesOf(what, cost, BUDGET.busyRows, BUDGET.busyRequests);
}

function feed(gateway: BenchGateway, customer: string, first: number, count: number): Promise<unknown> {
  return gateway.send({ kind: "consume", traffic: { customer, first, count, lookahead: LOOKAHEAD } });
}

async function costOf(
  gateway: BenchGateway,
  customer: string,
  work: () => Promise<void>,
): Promise<BenchReading> {
  const before = await gateway.read([customer]);
  await gateway.send({ kind: "reset" });
  await work();
  let after = await gateway.read([customer]);
  while (after.openEvents > 0) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    after = await gateway.read([customer]);
  }
  return { ...after, rowsWritten: after.rowsWritten - before.rowsWritten };
}

function linesOf(what: string, cost: BenchReading, rows: number, requests: number): Line[] {
  const { count, outOfOrder } = cost.effects;
  const effects = `${count} effects, ${outOfOrder} out of order`;
  return [
    atMost(`${what}: rows written`, cost.rowsWritten / count, rows, effects),
    atMost(
      `${what}: object requests`,
      requestsOf(cost.counts) / count,
      requests,
      breakdown(cost.counts, count),
    ),
    line(`${what}: alarms set`, (cost.counts.setAlarm / count).toFixed(2), "billed as a row each"),
  ];
}

function breakdown(counts: Counts, events: number): string {
  return Object.entries(counts)
    .filter(([name, total]) => total > 0 && name !== "setAlarm")
    .map(([name, total]) => `${name} ${(total / events).toFixed(2)}`)
    .join(", ");
}
