/** What the edge's idempotency cache keeps of an event, for how long, and what it takes back from KV. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../src/config/limits.ts";
import { DAY_MS, HOUR_MS } from "../../src/config/units.ts";
import {
  changeOnEnd,
  keepSeconds,
  knownEnd,
  readKnownEnd,
  writeKnownEnd,
  type KnownEnd,
} from "../../src/core/idempotency.ts";
import { complete, eventOf, leaseOf, PartitionScript, record } from "../support/partition-script.ts";

const limits = { ...LIMITS.idempotency, rememberIdsMs: LIMITS.partition.rememberIdsMs };
const maxBytes = LIMITS.partition.maxToldResultBytes;
const done: KnownEnd = { state: "done", result: { score: 7 } };
const filtered: KnownEnd = { state: "filtered" };

describe("an entry", () => {
  it("is kept of ends that stay alone: what a person or a retry may change is the partition's to answer", () => {
    expect(knownEnd("done", { score: 7 }, maxBytes)).toEqual(done);
    expect(knownEnd("filtered", undefined, maxBytes)).toEqual(filtered);
    for (const state of [
      "pending",
      "leased",
      "retrying",
      "deferred",
      "dead",
      "review",
      "expired",
      null,
    ] as const)
      expect([state, knownEnd(state, { score: 7 }, maxBytes)]).toEqual([state, null]);
  });

  it("has the result up to 8 KiB of JSON in UTF-8, and the state alone beyond it", () => {
    const bodyOf = (bytes: number) => "x".repeat(bytes - 2);
    expect(knownEnd("done", bodyOf(8_192), maxBytes)).toEqual({ state: "done", result: bodyOf(8_192) });
    expect(knownEnd("done", bodyOf(8_193), maxBytes)).toEqual({ state: "done" });
    expect(knownEnd("done", "ü".repeat(5_000), maxBytes)).toEqual({ state: "done" });
    expect(knownEnd("done", null, maxBytes)).toEqual({ state: "done", result: null });
  });

  it("comes back from KV as it was written", () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), (result) => {
        const text = JSON.stringify(result);
        const end = readKnownEnd(writeKnownEnd({ state: "done", result: JSON.parse(text) }));
        expect(JSON.stringify(end)).toBe(`{"state":"done","result":${text}}`);
      }),
    );
    expect(readKnownEnd(writeKnownEnd(filtered))).toEqual(filtered);
  });

  it("of another version, of another shape or of no shape at all is not known", () => {
    for (const text of [
      "",
      "null",
      "[]",
      "not json",
      '{"v":2,"state":"done"}',
      '{"state":"done"}',
      '{"v":1,"state":"dead"}',
      '{"v":1,"state":"pending"}',
      '{"v":1}',
    ])
      expect([text, readKnownEnd(text)]).toEqual([text, null]);
    fc.assert(fc.property(fc.string(), (text) => readKnownEnd(text) === null));
  });
});

describe("how long an entry is kept", () => {
  const days = (retryWindowMs: number | null, end = filtered, retainMs = 7 * DAY_MS) =>
    (keepSeconds(end, retryWindowMs, retainMs, limits) * 1_000) / DAY_MS;

  it("is a day longer than the sender goes on trying, and at least four days", () => {
    expect(days(5 * DAY_MS)).toBe(6);
    expect(days(23 * DAY_MS)).toBe(24);
    expect(days(3 * DAY_MS)).toBe(4);
    expect(days(HOUR_MS)).toBe(4);
    expect(days(0)).toBe(4);
    expect(days(null)).toBe(4);
  });

  it("is never longer than the partition remembers the id, nor with a result longer than its retention", () => {
    expect(days(60 * DAY_MS)).toBe(30);
    expect(days(23 * DAY_MS, done)).toBe(7);
    expect(days(null, done, DAY_MS)).toBe(1);
    expect(days(null, filtered, DAY_MS)).toBe(4);
    expect(keepSeconds(done, null, 0, limits)).toBe(60);
  });
});

describe("an end", () => {
  it("writes in the mode `results`, and in `duplicates` only where something else may have been told before", () => {
    expect(changeOnEnd("results", done, 1)).toBe("keep");
    expect(changeOnEnd("duplicates", done, 1)).toBe(null);
    expect(changeOnEnd("results", done, 3)).toBe("keep");
    expect(changeOnEnd("duplicates", done, 3)).toBe("keep");
    expect(changeOnEnd("off", done, 3)).toBe(null);
  });

  it("that does not stay takes away what an earlier run left", () => {
    expect(changeOnEnd("results", null, 1)).toBe(null);
    expect(changeOnEnd("results", null, 3)).toBe("forget");
    expect(changeOnEnd("duplicates", null, 3)).toBe("forget");
    expect(changeOnEnd("off", null, 3)).toBe(null);
  });
});

describe("a partition that is offered a duplicate", () => {
  it("tells its state, and once it is done the body of its deliveries", async () => {
    const script = await PartitionScript.start();
    const event = await eventOf("a");
    const lease = leaseOf(script.offer([event]));
    expect(script.offer([event], "d2").verdicts).toEqual([
      { id: event.id, verdict: "duplicate", state: "leased" },
    ]);
    const said = record(event);
    script.say(lease, [said], { holding: [event] });
    script.say(lease, [complete(event)]);
    const body = said.kind === "record" ? said.output.body : null;
    expect(script.offer([event], "d3").verdicts).toEqual([
      { id: event.id, verdict: "duplicate", state: "done", result: body },
    ]);
  });
});
