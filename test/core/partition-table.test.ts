/**
 * The transition table of docs/spec/partition.md, whole: every state an event can be in, and everything that can be
 * said to its partition. What is not in a row stays as it is.
 */
import { beforeEach, describe, expect, it } from "vitest";
import type { EventEnvelope } from "../../src/core/envelope.ts";
import { failure } from "../../src/core/failure.ts";
import type { Action, LeaseView } from "../../src/core/partition/commands.ts";
import type { EventState } from "../../src/core/partition/model.ts";
import type { OperatorCommand } from "../../src/core/partition/operate.ts";
import { isLeased } from "../../src/core/partition/workspace.ts";
import {
  complete,
  delivery,
  eventOf,
  fail,
  leaseOf,
  OUTPUT,
  PartitionScript,
  record,
  START_MS,
} from "../support/partition-script.ts";

const DRIVER = "d1";
const GATE_MS = 30_000;
/** Longer than any retry or gate here, shorter than a lease. */
const LATER_MS = 60_000;

let script: PartitionScript;
let event: EventEnvelope;

beforeEach(async () => {
  script = await PartitionScript.start();
  event = await eventOf("a");
});

const permanent = failure("infer", "permanent", "invalid", "never");
const actions: Readonly<Record<string, () => Action>> = {
  record: () => record(event),
  confirm: () => ({ kind: "confirm", id: event.id, delivery: delivery(event) }),
  complete: () => complete(event),
  filter: () => ({ kind: "filter", id: event.id, reason: "unwanted" }),
  review: () => ({ kind: "review", id: event.id, output: OUTPUT, reason: "unsure" }),
  "fail, transient": () => fail(event),
  "fail, permanent": () => ({ kind: "fail", id: event.id, failure: permanent, deliveries: [] }),
  defer: () => ({
    kind: "defer",
    id: event.id,
    untilMs: START_MS + GATE_MS,
    reason: "requests",
    deliveries: [],
  }),
  release: () => ({ kind: "release" }),
};

/** Only the lease's own driver is heard: for whoever holds none, the token is a guess. */
function act(action: Action): void {
  const { lease } = script.partition.partition;
  const token = lease?.token ?? script.partition.partition.token + 1;
  const view: LeaseView = {
    token,
    expiresAtMs: 0,
    granted: [],
    turns: [],
    nextTurnAtMs: null,
    cancelled: [],
  };
  script.say(view, [action], { driver: DRIVER, holding: [event], wantMore: false });
}

const operator: Readonly<Record<string, () => OperatorCommand>> = {
  pause: () => ({ kind: "pause", reason: "a look" }),
  resume: () => ({ kind: "resume" }),
  drain: () => ({ kind: "drain" }),
  skip: () => ({ kind: "skip", id: event.id, reason: "in the way" }),
  approve: () => ({ kind: "review", id: event.id, run: 1, decision: { kind: "approve" } }),
  "edit the output": () => ({ kind: "review", id: event.id, run: 1, decision: { kind: "edit", body: {} } }),
  reject: () => ({ kind: "review", id: event.id, run: 1, decision: { kind: "reject", reason: "no" } }),
  replay: () => ({ kind: "replay", id: event.id, reuseOutput: false }),
  "edit the payload": () => ({ kind: "edit", id: event.id, text: "{}" }),
  discard: () => ({ kind: "discard", id: event.id, reason: "old" }),
};

function after(delayMs: number, then: () => void): void {
  script.partition.nowMs += delayMs;
  then();
}

const times: Readonly<Record<string, () => void>> = {
  tick: () => void script.partition.alarm(),
  "tick, a minute later": () => after(LATER_MS, () => void script.partition.alarm()),
  "tick, after the lease": () => after(event.policy.leaseMs, () => void script.partition.alarm()),
  "tick, after maxAgeMs": () => after(event.policy.maxAgeMs, () => void script.partition.alarm()),
};

const requests: Readonly<Record<string, () => void>> = {
  "offer again": () => void script.offer([event], "d2", false),
  "offer again, with lease": () => void script.offer([event], "d2"),
  claim: () => void script.claim("d2"),
  "claim, a minute later": () => after(LATER_MS, () => void script.claim("d2")),
};

const commands: Readonly<Record<string, () => void>> = {
  ...requests,
  ...Object.fromEntries(Object.entries(actions).map(([name, action]) => [name, () => act(action())])),
  ...times,
  ...Object.fromEntries(
    Object.entries(operator).map(([name, command]) => [name, () => void script.operate(command())]),
  ),
};

/** How an event gets into each state. */
const STATES: Readonly<Record<EventState, () => void>> = {
  pending: () => void script.offer([event], DRIVER, false),
  leased: () => void leaseOf(script.offer([event], DRIVER)),
  retrying: () => under(() => act(fail(event))),
  deferred: () => under(() => act(actions["defer"]?.() ?? record(event))),
  done: () => under(() => act(complete(event))),
  dead: () => under(() => act({ kind: "fail", id: event.id, failure: permanent, deliveries: [] })),
  review: () => under(() => act({ kind: "review", id: event.id, output: OUTPUT, reason: "unsure" })),
  filtered: () => under(() => act({ kind: "filter", id: event.id, reason: "unwanted" })),
  expired: () => {
    script.offer([event], DRIVER, false);
    after(event.policy.maxAgeMs, () => void script.partition.alarm());
  },
};

function under(then: () => void): void {
  leaseOf(script.offer([event], DRIVER));
  then();
}

const WORKABLE = {
  "offer again, with lease": "leased",
  claim: "leased",
  "claim, a minute later": "leased",
} as const;
const OPEN = { "tick, after maxAgeMs": "expired", skip: "dead" } as const;
const WAITING = { ...OPEN, "claim, a minute later": "leased" } as const;

/** By state: what each command makes of it, where that is another state. */
const TABLE: Readonly<Record<EventState, Readonly<Record<string, EventState>>>> = {
  pending: { ...OPEN, ...WORKABLE },
  leased: {
    complete: "done",
    filter: "filtered",
    review: "review",
    "fail, transient": "retrying",
    "fail, permanent": "dead",
    defer: "deferred",
    release: "pending",
    "tick, after the lease": "pending",
    ...OPEN,
  },
  retrying: WAITING,
  deferred: WAITING,
  done: { replay: "pending" },
  dead: { replay: "pending", discard: "filtered" },
  review: { approve: "pending", "edit the output": "pending", reject: "filtered" },
  filtered: { replay: "pending" },
  expired: { replay: "pending", discard: "filtered" },
};

function stateNow(): EventState {
  const { state } = script.partition.record(event.id);
  return isLeased(script.partition.partition.lease, event.id) ? "leased" : state;
}

describe.each(Object.keys(STATES) as EventState[])("an event that is %s", (state) => {
  it.each(Object.keys(commands))("and hears `%s`", (command) => {
    STATES[state]();
    expect(stateNow()).toBe(state);
    commands[command]?.();
    expect(stateNow()).toBe(TABLE[state][command] ?? state);
  });
});
