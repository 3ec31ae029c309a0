/** What an event emits carries the event's lateness: in a chain, the last link is the one that has effects. */
import { describe, expect, it } from "vitest";
import {
  complete,
  delivery,
  eventOf,
  leaseOf,
  PartitionScript,
  record,
} from "../support/partition-script.ts";
import type { Action } from "../../src/core/partition/commands.ts";

describe("what a late event emits", () => {
  it.each([
    { arrival: "after the effects of a later one", orderKey: 1, late: true },
    { arrival: "in its order", orderKey: 3, late: false },
  ])("is marked as its parent is, which arrived $arrival", async ({ orderKey, late }) => {
    const script = await PartitionScript.start();
    script.finish(await eventOf("second", { orderKey: 2 }));
    const parent = await eventOf("parent", { orderKey });
    const lease = leaseOf(script.offer([parent]));
    script.say(lease, [record(parent)], { holding: [parent] });
    const child = { ...(await eventOf("child")), parent: { id: parent.id, depth: 1 } };
    const done: Action = { kind: "complete", id: parent.id, deliveries: [delivery(parent)], emits: [child] };
    const reply = leaseOf(script.say(lease, [done]));
    expect(script.partition.record(parent.id).late).toBe(late);
    expect(reply.granted.map((grant) => grant.late)).toEqual([late]);
    // Counted once: only the parent came too late.
    expect(script.partition.partition.lateEvents).toBe(Number(late));
    script.say(lease, [record(child)], { holding: [child] });
    script.say(lease, [complete(child)]);
    expect(script.partition.record(child.id)).toMatchObject({ state: "done", late });
  });
});
