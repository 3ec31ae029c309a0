/** Faults in the consumer, its drivers and what stands behind them. */
import { faultsIn, type NamedMutant } from "./fault.ts";

export const LANE_FAULTS: readonly NamedMutant[] = [
  ...faultsIn("lanes", "src/lanes/consumer.ts", [
    {
      id: "ack-before-durable",
      find: "const request = { v: MESSAGE_VERSION, request: deps.newId(), driver } as const;\n",
      replace:
        "const request = { v: MESSAGE_VERSION, request: deps.newId(), driver } as const;\n  for (const delivery of all) delivery.ack();\n",
      promise: "a message is acknowledged once its partition has it, not before",
    },
    {
      id: "ack-what-was-pushed-back",
      find: `if (verdict === "stored" || verdict === "duplicate") delivery.ack();`,
      replace: `if (verdict !== undefined) delivery.ack();`,
      promise: "what a full partition refused goes back to the lane",
    },
    {
      id: "never-report-open-work",
      find: "if (awaitedMs !== null) await deps.telemetry.partitionOpen(partition, awaitedMs);",
      replace: "",
      promise: "a driver that leaves open work reports it for the sweep",
    },
    {
      id: "never-tell-what-ended",
      find: "if (ended.length > 0) await deps.telemetry.eventsEnded(ended);",
      replace: "",
      promise: "a run tells the ledger what ended in it",
    },
    {
      id: "never-report-what-is-untold",
      find: "(here.some(isOutboxed) ? deps.clock.nowMs() : null)",
      replace: "null",
      promise: "the sweep looks after what a person must see",
    },
  ]),
  ...faultsIn("lanes", "src/lanes/held-event.ts", [
    {
      id: "no-cover-before-delivery",
      find: "if (!(await this.link.coverEffect()) || this.abort.signal.aborted) return null;",
      replace: "",
      promise: "no effect starts unless the lease outlives it",
    },
    {
      id: "confirm-not-awaited",
      find: `await this.link.report({ kind: "confirm", id: this.id, delivery });`,
      replace: `this.link.report({ kind: "confirm", id: this.id, delivery }).catch(() => {});`,
      promise: "a delivery is durable before the next one starts",
    },
    {
      id: "no-cover-between-deliveries",
      find: `if (!(await this.link.coverEffect())) throw new Error("the lease does not outlive another delivery");`,
      replace: "",
      promise: "no second delivery under a lease that does not outlive it",
    },
    {
      id: "deliver-a-turn-twice",
      find: "if (this.delivering || output === null) return;",
      replace: "if (output === null) return;",
      promise: "a turn that is told twice has one effect",
    },
    {
      id: "work-on-after-losing-the-lease",
      find: "    this.abort.abort();\n",
      replace: "",
      promise: "what the lease no longer covers is stopped",
    },
  ]),
  ...faultsIn("lanes", "src/lanes/driver.ts", [
    {
      id: "cover-nothing",
      find: "this.expiresAtMs - this.deps.clock.nowMs() > this.deps.limits.effectTimeoutMs",
      replace: "true",
      promise: "the driver believes only the durable expiry",
    },
    {
      id: "ignore-fencing",
      find: `if (reply.status === "fenced") throw new Error("the lease is no longer ours");`,
      replace: "",
      promise: "a fenced driver stops",
    },
    {
      id: "never-give-the-lease-back",
      find: `actions.push({ kind: "release" });`,
      replace: "return await new Promise(() => {});",
      promise: "an idle driver gives the lease back",
    },
    {
      id: "claim-for-ever",
      find: "wantMore: this.deps.clock.nowMs() < this.options.stopClaimingAtMs,",
      replace: "wantMore: true,",
      promise: "a driver stops claiming when its time is up",
    },
  ]),
  ...faultsIn("lanes", "src/lanes/undeliverable.ts", [
    {
      id: "ack-without-keeping",
      find: "    await keep(deps, store, delivery);\n",
      replace: "    delivery.ack();\n",
      promise: "what cannot be placed is kept before it is acknowledged",
    },
    {
      id: "ack-what-could-not-be-kept",
      find: "delivery.retry(",
      replace: "delivery.ack(); void (",
      promise: "what could not be kept comes again",
    },
  ]),
  ...faultsIn("lanes", "src/lanes/sweep.ts", [
    {
      id: "settle-while-open",
      find: "if (openEvents + untold === 0)",
      replace: "if (openEvents >= 0)",
      promise: "a partition with open work stays on the sweep's list",
    },
    {
      id: "one-bad-partition-stops-the-sweep",
      find: `deps.log.warn("sweep_failed", { partition, error: messageOf(thrown) });`,
      replace: "throw thrown;",
      promise: "one partition that cannot be reached does not hide the others",
    },
  ]),
  ...faultsIn("lanes", "src/lanes/append.ts", [
    {
      id: "answer-one-before-durable",
      find: "await deps.lanes.send(envelopes);\n    return [",
      replace: "void deps.lanes.send(envelopes);\n    return [",
      promise: "nothing is answered 2xx that is not durable",
    },
    {
      id: "answer-before-durable",
      find: "await Promise.all([deps.lanes.send(queued), appendStrict(deps, strict)])",
      replace: "[void deps.lanes.send(queued), await appendStrict(deps, strict)]",
      promise: "nothing is answered 2xx that is not durable",
    },
  ]),
  ...faultsIn("lanes", "src/lanes/slots.ts", [
    {
      id: "leak-a-slot",
      find: "      return await work();",
      replace: "      void (await enter(first));\n      return await work();",
      promise: "a place is free again when its work has ended, also by a throw",
    },
  ]),
  ...faultsIn("lanes", "src/partition/client.ts", [
    {
      id: "repeat-into-an-overload",
      find: " || isOverloaded(thrown)",
      replace: "",
      promise: "an overloaded object is not called again at once",
    },
    {
      id: "never-repeat-a-lost-call",
      find: "if (attempt >= options.attempts",
      replace: "if (attempt >= 1",
      promise: "a call whose answer was lost is repeated",
    },
  ]),
];
