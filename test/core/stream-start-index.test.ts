import { describe, expect, it } from "vitest";
import {
  emptyAtMs,
  endStart,
  listStarts,
  openStart,
  type IndexEntry,
} from "../../src/core/stream/start-index.ts";

const limits = { maxEntries: 5, retentionMs: 3_600_000 };
const starts = { startsPerMinute: 3, maxConcurrent: 2 };
const LIFE_MS = 900_000;

const start = (id: string, startedAtMs: number) => ({
  id,
  model: "fast",
  startedAtMs,
  deadlineMs: startedAtMs + LIFE_MS,
});

/** Opens what can be opened, and ends each at once where `ends`. */
function opened(times: readonly number[], ends: boolean, allowed = starts): readonly IndexEntry[] {
  let entries: readonly IndexEntry[] = [];
  for (const [index, nowMs] of times.entries()) {
    const step = openStart(entries, start(`s${index}`, nowMs), allowed, limits);
    if (step.kind === "refused") continue;
    entries = ends ? endStart(step.entries, `s${index}`, "done", nowMs) : step.entries;
  }
  return entries;
}

describe("a user's streams", () => {
  it("may be so many at once, and one more when one has ended", () => {
    const two = opened([0, 1], false);
    expect(openStart(two, start("s2", 2), starts, limits)).toMatchObject({ reason: "concurrency" });
    const one = endStart(two, "s0", "done", 3);
    expect(openStart(one, start("s2", 4), starts, limits).kind).toBe("opened");
  });

  it("may be started so often in a minute; the refusal says when the next one may", () => {
    const three = opened([0, 10_000, 20_000], true);
    expect(openStart(three, start("s3", 30_000), starts, limits)).toEqual({
      kind: "refused",
      reason: "starts",
      retryAtMs: 60_000,
    });
    expect(openStart(three, start("s3", 60_000), starts, limits).kind).toBe("opened");
  });

  it("whose end was never reported hold their place until their time is over, and no longer", () => {
    const two = opened([0, 1], false);
    const later = LIFE_MS + 2;
    expect(openStart(two, start("s2", later), starts, limits).kind).toBe("opened");
    expect(listStarts(two, later, limits)).toMatchObject([
      { id: "s1", state: "interrupted" },
      { id: "s0", state: "interrupted" },
    ]);
  });

  it("are listed newest first, while they can be read, at most so many", () => {
    const wide = { startsPerMinute: 100, maxConcurrent: 100 };
    const many = opened([1, 2, 3, 4, 5, 6, 7], true, wide);
    expect(listStarts(many, 8, limits).map(({ id }) => id)).toEqual(["s6", "s5", "s4", "s3"]);
    expect(listStarts(many, 6 + limits.retentionMs, limits).map(({ id }) => id)).toEqual(["s6"]);
    expect(emptyAtMs(many, limits)).toBe(7 + limits.retentionMs);
    expect(emptyAtMs([], limits)).toBeNull();
  });

  it("that have ended are not changed by a second end", () => {
    const [entry] = endStart(opened([0], true), "s0", "stopped", 9);
    expect(entry).toMatchObject({ state: "done", endedAtMs: 0 });
  });
});
