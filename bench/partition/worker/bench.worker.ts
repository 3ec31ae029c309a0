/** The bench's Worker: the gateway's objects and consumer, without its front door. Nothing of it is deployed. */
import { LIMITS } from "../../../src/config/limits.ts";
import { MESSAGE_VERSION } from "../../../src/core/partition/commands.ts";
import { DEFAULT_EVENT_POLICY } from "../../../src/core/policy.ts";
import { unreachable } from "../../../src/core/result.ts";
import type { EventEnvelope } from "../../../src/core/envelope.ts";
import type { PartitionName } from "../../../src/core/ids.ts";
import { envelopeOf, partitionFor } from "../../../test/support/envelopes.ts";
import type { BenchCommand, BenchReading, BenchSettings, Traffic } from "../commands.ts";
import { driveBatch, eventDelivery, partitionsOf, ringDelivery } from "./drive.ts";
import type { BenchEnv } from "./objects.ts";
import { count, readTally, resetTally } from "./tally.ts";

export { BenchGuard, BenchPartition } from "./objects.ts";

const FILL_ROWS_PER_CALL = 50_000;

let settings: BenchSettings = { modelMs: 200, driverSlots: LIMITS.lanes.driverSlots, answerRings: true };

export default {
  async fetch(request: Request, env: BenchEnv): Promise<Response> {
    const command = (await request.json()) as BenchCommand; // sent by the bench itself
    return Response.json((await execute(command, env)) ?? null);
  },

  /** Rings only. */
  async queue(batch: MessageBatch, env: BenchEnv): Promise<void> {
    for (const _ of batch.messages) count("ring");
    if (settings.answerRings) await driveBatch(env, settings, batch.messages);
  },
};

async function execute(command: BenchCommand, env: BenchEnv): Promise<unknown> {
  switch (command.kind) {
    case "configure":
      settings = command.settings;
      return null;
    case "consume": {
      const envelopes = await envelopesOf(command.traffic);
      return driveBatch(env, settings, envelopes.map(eventDelivery));
    }
    case "append":
      return append(env, command.traffic, command.perCall);
    case "ring":
      return driveBatch(env, settings, [ringDelivery(await partitionFor(command.customer))]);
    case "fill": {
      const stub = await stubFor(env, command.customer);
      for (let left = command.count; left > 0; left -= FILL_ROWS_PER_CALL)
        await stub.fill(Math.min(left, FILL_ROWS_PER_CALL));
      return null;
    }
    case "finish":
      return (await stubFor(env, command.customer)).finish(command.count);
    case "claim":
      return claimTimes(env, await partitionFor(command.customer), command.count);
    case "read":
      return read(env, command.customers);
    case "reset":
      return resetTally();
    default:
      return unreachable(command);
  }
}

async function stubFor(env: BenchEnv, customer: string) {
  return env.PARTITION.get(env.PARTITION.idFromName(await partitionFor(customer)));
}

function envelopesOf({ customer, first, count: events, lookahead }: Traffic): Promise<EventEnvelope[]> {
  const policy = { ...DEFAULT_EVENT_POLICY, lookahead };
  const receivedAtMs = Date.now();
  const body = JSON.stringify({ text: "x".repeat(300) });
  return Promise.all(
    Array.from({ length: events }, (_, index) =>
      envelopeOf({ key: `e${first + index}`, customer, orderKey: first + index, receivedAtMs, body, policy }),
    ),
  );
}

/** @returns milliseconds all calls took */
async function append(env: BenchEnv, traffic: Traffic, perCall: number): Promise<number> {
  const client = partitionsOf(env);
  const partition = await partitionFor(traffic.customer);
  const envelopes = await envelopesOf(traffic);
  const startMs = Date.now();
  for (let start = 0; start < envelopes.length; start += perCall) {
    const events = envelopes.slice(start, start + perCall);
    const request = { v: MESSAGE_VERSION, request: crypto.randomUUID(), driver: "bench", partition } as const;
    const reply = await client.offer({ ...request, events, wantLease: false });
    if (reply.verdicts.some(({ verdict }) => verdict !== "stored"))
      throw new Error(`not stored: ${JSON.stringify(reply.verdicts)}`);
  }
  return Date.now() - startMs;
}

/** @returns milliseconds each claim took */
async function claimTimes(env: BenchEnv, partition: PartitionName, times: number): Promise<number[]> {
  const client = partitionsOf(env);
  const took: number[] = [];
  for (let time = 0; time < times; time++) {
    const driver = crypto.randomUUID();
    const startMs = performance.now();
    const { lease } = await client.claim(partition, { v: MESSAGE_VERSION, request: driver, driver });
    took.push(performance.now() - startMs);
    if (lease === null) throw new Error("the lease was not free");
    const holding = lease.granted.map((grant) => grant.envelope.id);
    const request = { v: MESSAGE_VERSION, request: crypto.randomUUID(), driver } as const;
    const actions = [{ kind: "release" }] as const;
    await client.exchange(partition, { ...request, token: lease.token, holding, wantMore: false, actions });
  }
  return took;
}

async function read(env: BenchEnv, customers: readonly string[]): Promise<BenchReading> {
  let [rowsWritten, openEvents] = [0, 0];
  for (const customer of customers) {
    const status = await partitionsOf(env).status(await partitionFor(customer));
    rowsWritten += status?.rowsWritten ?? 0;
    openEvents += status?.openEvents ?? 0;
  }
  return { ...readTally(), rowsWritten, openEvents };
}
