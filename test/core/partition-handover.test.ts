/** Grants of a running lease are stored with the events of that lease, not in the partition's own row. */
import { beforeEach, describe, expect, it } from "vitest";
import { complete, eventOf, fail, leaseOf, PartitionScript, record } from "../support/partition-script.ts";

let script: PartitionScript;

beforeEach(async () => {
  script = await PartitionScript.start();
});

function events(count: number, lookahead = 2) {
  return Promise.all(
    Array.from({ length: count }, (_, n) => eventOf(`e${n}`, { orderKey: n, policy: { lookahead } })),
  );
}

const leased = () => script.partition.partition.lease?.entries.map((entry) => entry.id) ?? [];

describe("grants of a running lease", () => {
  it("survive a crash of the object, however many came after one another", async () => {
    const all = await events(12);
    const lease = leaseOf(script.offer(all));
    for (const [n, event] of all.slice(0, 10).entries()) {
      const holding = all.slice(n, n + 2);
      script.say(lease, [record(event)], { holding });
      script.say(lease, [complete(event)], { holding: holding.slice(1) });
    }
    const ids = all.slice(10).map((event) => event.id);
    expect(leased()).toEqual(ids);
    script.partition.crash();
    expect(leased()).toEqual(ids);
    expect(script.partition.partition.lease?.token).toBe(lease.token);
  });

  it("keep the order of effects across a crash: the next sequence is larger than every one before", async () => {
    const [a, b, c, d] = await events(4);
    if (a === undefined || b === undefined || c === undefined || d === undefined)
      throw new Error("no events");
    const lease = leaseOf(script.offer([a, b, c, d]));
    script.say(lease, [record(a), record(b)], { holding: [a, b] });
    script.say(lease, [complete(a)], { holding: [b] });
    const third = script.say(lease, [complete(b), record(c)], { holding: [c] }).lease?.turns[0];
    script.partition.crash();
    const fourth = script.say(lease, [complete(c), record(d)], { holding: [d] }).lease?.turns[0];
    expect(third?.id).toBe(c.id);
    expect(fourth).toEqual({ id: d.id, sequence: (third?.sequence ?? Number.NaN) + 1 });
  });

  it("are over after a crash once all of them have ended: nobody waits for a lease that nobody holds", async () => {
    const all = await events(3, 1);
    const lease = leaseOf(script.offer(all));
    for (const event of all) {
      script.say(lease, [record(event)], { holding: [event] });
      script.say(lease, [complete(event)]);
    }
    script.partition.crash();
    expect(script.partition.partition.lease).toBeNull();
  });

  it("that went back are not leased after a crash, though an event that is still held was stored with them", async () => {
    const [a, b] = await events(2);
    if (a === undefined || b === undefined) throw new Error("no events");
    const lease = leaseOf(script.offer([a]));
    script.offer([b], "ingest", false);
    script.say(lease, [record(a)], { holding: [a] });
    expect(leased()).toEqual([a.id, b.id]);
    script.say(lease, [fail(b)], { holding: [a] });
    script.partition.crash();
    expect(leased()).toEqual([a.id]);
  });

  it("count as starts when their driver never comes back", async () => {
    const [a, b] = await events(2, 1);
    if (a === undefined || b === undefined) throw new Error("no events");
    const lease = leaseOf(script.offer([a, b]));
    script.say(lease, [record(a)], { holding: [a] });
    script.say(lease, [complete(a)]);
    script.partition.crash();
    script.partition.nowMs += b.policy.leaseMs + 1;
    script.partition.alarm();
    expect(script.partition.record(b.id).starts).toBe(1);
  });
});
