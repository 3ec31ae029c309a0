import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../src/config/limits.ts";
import type { JsonValue } from "../../src/core/json.ts";
import { boundDedupeKey, keptHeaders, readSchemeFacts, UNKNOWN_TYPE } from "../../src/ingest/facts.ts";
import type { SignatureScheme } from "../../src/ingest/scheme.ts";
import { github } from "../../src/ingest/senders/code.ts";
import { stripe } from "../../src/ingest/senders/payments.ts";
import { custom, standardWebhooks } from "../../src/ingest/senders/standard.ts";
import { parseRfc3339, parseTimeFact, parseTimestamp } from "../../src/ingest/times.ts";

const SECRETS = ["ANY"];

function factsOf(
  scheme: SignatureScheme,
  payload: JsonValue,
  headers: Readonly<Record<string, string>> = {},
  signedId: string | null = null,
) {
  return readSchemeFacts(scheme, { headers: new Headers(headers), payload, signedId });
}

function ordered(unit: "s" | "ms" | "rfc3339" | "sequence", at: JsonValue) {
  const { scheme } = custom({
    secrets: SECRETS,
    signatureHeaders: ["x"],
    orderKey: { at: { from: "body", path: "at" }, unit },
  });
  return factsOf(scheme, { at }).orderKey;
}

describe("facts", () => {
  it("of Stripe: id, type and created", () => {
    const { scheme } = stripe({ secrets: SECRETS });
    expect(factsOf(scheme, { id: "evt_1", type: "charge.succeeded", created: 1_700_000_000 })).toEqual({
      dedupeKey: "evt_1",
      type: "charge.succeeded",
      orderKey: 1_700_000_000_000,
    });
  });

  it("of GitHub: delivery, event and action", () => {
    const { scheme } = github({ secrets: SECRETS });
    const headers = { "x-github-delivery": "d-1", "x-github-event": "issues" };
    expect(factsOf(scheme, { action: "opened" }, headers)).toEqual({
      dedupeKey: "d-1",
      type: "issues.opened",
      orderKey: null,
    });
    expect(factsOf(scheme, {}, headers).type).toBe("issues");
  });

  it("of Standard Webhooks: the signed id, not whatever header comes first", () => {
    const { scheme } = standardWebhooks({ secrets: SECRETS });
    const payload = { type: "user.created", timestamp: "2026-01-02T03:04:05.678Z" };
    expect(factsOf(scheme, payload, { "svix-id": "other" }, "msg_1")).toEqual({
      dedupeKey: "msg_1",
      type: "user.created",
      orderKey: Date.UTC(2026, 0, 2, 3, 4, 5, 678),
    });
  });

  it("that are missing, empty, doubled or not of a usable kind are not made up", () => {
    const { scheme } = github({ secrets: SECRETS });
    const none = { dedupeKey: null, type: UNKNOWN_TYPE, orderKey: null };
    expect(factsOf(scheme, {})).toEqual(none);
    expect(factsOf(scheme, {}, { "x-github-delivery": "a, b", "x-github-event": "x, y" })).toEqual(none);
    const body = stripe({ secrets: SECRETS }).scheme;
    for (const id of ["", null, true, {}, []]) expect(factsOf(body, { id }).dedupeKey).toBeNull();
    expect(factsOf(body, { id: 7 }).dedupeKey).toBe("7");
    // JSON's numbers end where several of them are read as one: such an id would make one event of two.
    for (const id of ["9007199254740993", "12345678901234567890", "1e400", "0.1"]) {
      expect(factsOf(body, JSON.parse(`{"id":${id}}`)).dedupeKey, id).toBeNull();
    }
    for (const payload of [null, "x", 1, []]) expect(factsOf(body, payload)).toEqual(none);
  });

  it("are found along own properties and elements only", () => {
    const at = (path: string) =>
      custom({ secrets: SECRETS, signatureHeaders: ["x"], dedupeKey: [{ from: "body", path }] }).scheme;
    const payload = { data: { list: [{ id: "first" }, { id: "second" }] } };
    expect(factsOf(at("data.list.1.id"), payload).dedupeKey).toBe("second");
    for (const path of [
      "constructor.name",
      "data.toString.name",
      "data.list.2.id",
      "data.list.0.id.0",
      "__proto__",
    ]) {
      expect(factsOf(at(path), payload).dedupeKey).toBeNull();
    }
  });

  it("a type is a name: it is cut at its limit", () => {
    const { scheme } = stripe({ secrets: SECRETS });
    expect(factsOf(scheme, { type: "t".repeat(10_000) }).type).toHaveLength(LIMITS.ingest.maxTypeCharacters);
  });

  it("the first path that holds something counts", () => {
    const { scheme } = custom({
      secrets: SECRETS,
      signatureHeaders: ["x"],
      dedupeKey: [
        { from: "header", name: "X-Id" },
        { from: "body", path: "id" },
      ],
    });
    expect(factsOf(scheme, { id: "b" }, { "x-id": "a" }).dedupeKey).toBe("a");
    expect(factsOf(scheme, { id: "b" }).dedupeKey).toBe("b");
  });

  it("over-long dedupe keys become digests, and stay apart", async () => {
    const limit = LIMITS.ingest.maxDedupeKeyCharacters;
    expect(await boundDedupeKey("k".repeat(limit))).toBe("k".repeat(limit));
    const long = await boundDedupeKey("k".repeat(limit + 1));
    expect(long).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(await boundDedupeKey("k".repeat(limit + 2))).not.toBe(long);
  });

  it("dedupe keys that differ in half a surrogate pair stay apart, although UTF-8 writes both the same", async () => {
    const halves = await Promise.all(["evt_\ud800", "evt_\udbff", "evt_\ufffd"].map(boundDedupeKey));
    expect(new Set(halves).size).toBe(3);
    for (const key of halves) expect(key.isWellFormed()).toBe(true);
  });
});

describe("kept headers", () => {
  it("are those on the list, in lower case, and never a signature", () => {
    const { scheme } = custom({
      secrets: SECRETS,
      signatureHeaders: ["X-Signature"],
      keepHeaders: ["X-Tenant", "x-signature", "X-Absent"],
    });
    const headers = new Headers({ "x-tenant": "acme", "x-signature": "secret", authorization: "Bearer x" });
    expect(keptHeaders(scheme, headers)).toEqual({ "x-tenant": "acme" });
  });

  it("stay below their cap: what does not fit is left out", () => {
    const { scheme } = custom({ secrets: SECRETS, signatureHeaders: ["x"], keepHeaders: ["big", "small"] });
    const headers = new Headers({ big: "b".repeat(65_536), small: "s" });
    expect(keptHeaders(scheme, headers)).toEqual({ small: "s" });
  });
});

describe("order keys", () => {
  it.each([
    ["s", 1_700_000_000, 1_700_000_000_000],
    ["s", 1_700_000_000.25, 1_700_000_000_250],
    ["s", "1700000000", 1_700_000_000_000],
    ["ms", 1_700_000_000_123, 1_700_000_000_123],
    ["rfc3339", "2026-01-01T00:00:00Z", Date.UTC(2026, 0, 1)],
    ["sequence", 42, 42],
    ["sequence", "42", 42],
  ] as const)("in %s: %s", (unit, value, expected) => {
    expect(ordered(unit, value)).toBe(expected);
  });

  it.each([
    ["s", -1],
    ["s", 1e300],
    ["s", "soon"],
    ["s", "1e9"],
    ["s", ""],
    ["ms", 9e15],
    ["rfc3339", 1_700_000_000],
    ["rfc3339", "yesterday"],
    ["sequence", 1.5],
    ["sequence", -1],
    ["sequence", "9007199254740993"],
    ["sequence", "0x10"],
  ] as const)("in %s that are unusable are none: %s", (unit, value) => {
    expect(ordered(unit, value)).toBeNull();
  });
});

describe("times", () => {
  it("every RFC 3339 text of a date is read as that date, in any zone", () => {
    const dates = fc.date({ min: new Date(0), max: new Date("9999-12-30"), noInvalidDate: true });
    fc.assert(
      fc.property(dates, fc.integer({ min: -1_439, max: 1_439 }), (date, offsetMinutes) => {
        expect(parseRfc3339(date.toISOString())).toBe(date.getTime());
        const local = new Date(date.getTime() + offsetMinutes * 60_000);
        fc.pre(local.getTime() >= 0);
        const minutes = Math.abs(offsetMinutes);
        const zone = [Math.floor(minutes / 60), minutes % 60].map((part) => String(part).padStart(2, "0"));
        const text = `${local.toISOString().slice(0, -1)}${offsetMinutes < 0 ? "-" : "+"}${zone.join(":")}`;
        expect(parseRfc3339(text)).toBe(date.getTime());
      }),
    );
  });

  it.each([
    ["2026-01-01t00:00:00z", Date.UTC(2026, 0, 1)],
    ["2026-01-01 00:00:00Z", Date.UTC(2026, 0, 1)],
    ["2026-01-01T00:00:00.123456789Z", Date.UTC(2026, 0, 1, 0, 0, 0, 123)],
    ["2026-01-01T00:00:00.5Z", Date.UTC(2026, 0, 1, 0, 0, 0, 500)],
    ["2016-12-31T23:59:60Z", Date.UTC(2017, 0, 1)],
  ])("%s is a time", (text, expected) => {
    expect(parseRfc3339(text)).toBe(expected);
  });

  it.each([
    "2026-02-29T00:00:00Z",
    "2026-13-01T00:00:00Z",
    "2026-00-01T00:00:00Z",
    "2026-01-01T24:00:00Z",
    "2026-01-01T00:60:00Z",
    "2026-01-01T00:00:00",
    "2026-01-01T00:00:00+24:00",
    "2026-01-01",
    "0050-01-01T00:00:00Z",
    "1969-12-31T23:59:59Z",
    " 2026-01-01T00:00:00Z",
  ])("%s is none", (text) => {
    expect(parseRfc3339(text)).toBeNull();
  });

  it("signed timestamps are whole numbers; facts may have a fraction", () => {
    expect(parseTimestamp("1700000000", "s")).toBe(1_700_000_000_000);
    for (const text of ["1700000000.5", "+1", "1e3", " 1", "", "0x1", "99999999999999999"]) {
      expect(parseTimestamp(text, "s")).toBeNull();
    }
    expect(parseTimeFact("1700000000.5", "s")).toBe(1_700_000_000_500);
  });
});
