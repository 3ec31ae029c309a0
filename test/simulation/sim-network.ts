/** The way from a process to a partition's object and back: late, lost, or lost on the way back. */
import type { PartitionName } from "../../src/core/ids.ts";
import type { PartitionRpc } from "../../src/partition/client.ts";
import type { Context } from "./context.ts";
import { Outage } from "./faults.ts";
import type { PartitionInstance } from "./object-module.ts";
import { never, type SimProcess } from "./process.ts";
import type { SimObject } from "./sim-object.ts";

const RPC_MS = 8;

export class SimNetwork {
  readonly unreachable: Outage;
  private readonly context: Context;
  private readonly objectFor: (partition: PartitionName) => SimObject;

  constructor(context: Context, objectFor: (partition: PartitionName) => SimObject) {
    this.context = context;
    this.objectFor = objectFor;
    this.unreachable = new Outage(context.faults, "partition_unreachable", () => context.clock.nowMs);
  }

  stub(caller: SimProcess, partition: PartitionName): PartitionRpc {
    const object = this.objectFor(partition);
    const call = <Reply>(
      method: keyof PartitionRpc,
      request: unknown,
      use: (instance: PartitionInstance) => Reply | Promise<Reply>,
    ): Promise<Reply> => this.call(caller, object, method, request, use);
    return {
      ask: (request) => call("ask", request, (instance) => instance.ask(request)),
      settle: (request) => call("settle", request, (instance) => instance.settle(request)),
      offer: (request) => call("offer", request, (instance) => instance.offer(request)),
      claim: (request) => call("claim", request, (instance) => instance.claim(request)),
      exchange: (request) => call("exchange", request, (instance) => instance.exchange(request)),
      read: (id) => call("read", id, (instance) => instance.read(id)),
      readEnvelope: (id) => call("readEnvelope", id, (instance) => instance.readEnvelope(id)),
      status: () => call("status", null, (instance) => instance.status()),
      operate: (command) => call("operate", command, (instance) => instance.operate(command)),
      recall: (id) => call("recall", id, (instance) => instance.recall(id)),
      poke: () => call("poke", null, (instance) => instance.poke()),
      acknowledge: (receipts) => call("acknowledge", receipts, (instance) => instance.acknowledge(receipts)),
      erase: () => call("erase", null, (instance) => instance.erase()),
    };
  }

  private async call<Reply>(
    caller: SimProcess,
    object: SimObject,
    method: string,
    request: unknown,
    use: (instance: PartitionInstance) => Reply | Promise<Reply>,
  ): Promise<Reply> {
    const { clock, chance, faults } = this.context;
    if (!caller.alive) return never();
    const label = `${caller.name} ${method} ${object.disk.label}`;
    await clock.wait(chance.latencyMs(RPC_MS), label);
    if (this.unreachable.hits()) return this.fail(caller, `${label} unreachable`);
    if (faults.strikes("rpc_lost", 0.02)) return this.fail(caller, `${label} lost`);
    let reply: Reply;
    try {
      reply = await object.receive({ method, request }, use);
    } catch (thrown) {
      await clock.wait(chance.latencyMs(RPC_MS), `${label} failed`, caller);
      throw thrown;
    }
    if (faults.strikes("rpc_answer_lost", 0.03)) return this.fail(caller, `${label} answer lost`);
    const hungMs = faults.strikes("rpc_hung", 0.015) ? faults.stream("rpc_hung").integer(20_000, 240_000) : 0;
    await clock.wait(chance.latencyMs(RPC_MS) + hungMs, `${label} answered`, caller);
    return reply;
  }

  private async fail(caller: SimProcess, label: string): Promise<never> {
    const { clock, chance } = this.context;
    await clock.wait(chance.latencyMs(RPC_MS), label, caller);
    throw new Error("the network lost it (simulated)");
  }
}
