/** Events a second through one hot customer by lookahead, as a ratio to the serial rate of this run; then many customers. */
import type { BenchGateway } from "./bench-gateway.ts";
import { atLeast, line, type Line } from "./table.ts";

const MODEL_MS = 200;
/** As many rounds of the model for every lookahead. */
const ROUNDS = 20;
const CUSTOMERS = 50;
const EVENTS_EACH = 20;
const SHIPPED_SLOTS = 5;
/** What is left for the log's own work: a ratio below this share of the lookahead is over budget. */
const TOLERANCE = 0.9;

export async function measureThroughput(gateway: BenchGateway): Promise<Line[]> {
  const serial = await hotKey(gateway, 1, SHIPPED_SLOTS);
  const lines = [line("one customer, lookahead 1", `${serial.toFixed(1)}/s`, "the serial rate")];
  for (const [lookahead, slots] of [
    [4, SHIPPED_SLOTS],
    [16, SHIPPED_SLOTS],
    [16, 16],
  ] as const) {
    const rate = await hotKey(gateway, lookahead, slots);
    const bound = Math.min(lookahead, slots);
    lines.push(
      atLeast(
        `one customer, lookahead ${lookahead}, ${slots} slots: × serial`,
        rate / serial,
        bound * TOLERANCE,
        `${rate.toFixed(1)}/s`,
      ),
    );
  }
  lines.push(await manyCustomers(gateway));
  return lines;
}

/** @returns events a second, from the first model call to the last effect */
async function hotKey(gateway: BenchGateway, lookahead: number, driverSlots: number): Promise<number> {
  const customer = `hot-${lookahead}-${driverSlots}`;
  const count = ROUNDS * lookahead;
  await configure(gateway, driverSlots, false);
  const traffic = { customer, first: 0, count, lookahead };
  await gateway.send({ kind: "append", traffic, perCall: count });
  await configure(gateway, driverSlots, true);
  await gateway.send({ kind: "reset" });
  await gateway.send({ kind: "ring", customer });
  return drained(gateway, [customer], count);
}

async function manyCustomers(gateway: BenchGateway): Promise<Line> {
  const customers = Array.from({ length: CUSTOMERS }, (_, n) => `many-${n}`);
  const count = CUSTOMERS * EVENTS_EACH;
  await configure(gateway, SHIPPED_SLOTS, true);
  await gateway.send({ kind: "reset" });
  // Every batch is an invocation of its own, as many at once as the lane would run.
  const batches = customers.flatMap((customer) =>
    Array.from({ length: EVENTS_EACH / SHIPPED_SLOTS }, (_, batch) => ({
      customer,
      first: batch * SHIPPED_SLOTS,
      count: SHIPPED_SLOTS,
      lookahead: 4,
    })),
  );
  await Promise.all(batches.map((traffic) => gateway.send({ kind: "consume", traffic })));
  const rate = await drained(gateway, customers, count);
  return line(`${CUSTOMERS} customers × ${EVENTS_EACH} events, lookahead 4`, `${rate.toFixed(0)}/s`);
}

function configure(gateway: BenchGateway, driverSlots: number, answerRings: boolean): Promise<unknown> {
  return gateway.send({ kind: "configure", settings: { modelMs: MODEL_MS, driverSlots, answerRings } });
}

async function drained(gateway: BenchGateway, customers: readonly string[], count: number): Promise<number> {
  let reading = await gateway.read(customers);
  while (reading.openEvents > 0) {
    await new Promise((resolve) => setTimeout(resolve, 200));
    reading = await gateway.read(customers);
  }
  const { effects } = reading;
  if (effects.count !== count || effects.outOfOrder > 0)
    throw new Error(`${effects.count} effects of ${count}, ${effects.outOfOrder} out of order`);
  return (count * 1_000) / (effects.lastEndMs - effects.firstStartMs);
}
