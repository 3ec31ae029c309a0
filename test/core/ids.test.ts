import { describe, expect, it } from "vitest";
import { makeEventId, makePartitionName, parseEventId, partitionOf } from "../../src/core/ids.ts";

const identity = { jurisdiction: "none", epoch: 1, mode: "ordered", space: "stripe", key: "cus_1" } as const;

describe("event ids", () => {
  it("route themselves: the partition's name is read back from the id", async () => {
    const partition = await makePartitionName(identity);
    const id = await makeEventId(partition, { source: "stripe", dedupeKey: "evt_1", pipeline: "fraud" });
    expect(parseEventId(id)).toEqual({ ok: true, value: id });
    expect(partitionOf(id)).toBe(partition);
  });

  it("are the same for the same occurrence and differ when any part differs", async () => {
    const partition = await makePartitionName(identity);
    const base = { source: "stripe", dedupeKey: "evt_1", pipeline: "fraud" };
    const id = await makeEventId(partition, base);
    expect(await makeEventId(partition, { ...base })).toBe(id);
    expect(await makeEventId(partition, { ...base, dedupeKey: "evt_2" })).not.toBe(id);
    expect(await makeEventId(partition, { ...base, source: "strip", dedupeKey: "eevt_1" })).not.toBe(id);
  });

  it("refuse anything that is not of the pattern", () => {
    for (const text of ["", "evt_", "evt_d1_abc_def", "evt_x1_" + "a".repeat(26) + "_" + "b".repeat(26)]) {
      expect(parseEventId(text).ok).toBe(false);
    }
  });
});
