import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { LIMITS } from "../../src/config/limits.ts";
import { exceededJsonBound } from "../../src/ingest/json-bounds.ts";
import { bodyFormatOf, parseBody, type BodyFormat } from "../../src/ingest/parse-body.ts";
import { readBody } from "../../src/platform/read-body.ts";
import { bytesOf } from "./ingest-support.ts";

const url = "https://sluice.test/in/any";
const tooLarge = (maxBytes: number) => ({ ok: false, error: { kind: "body_too_large", maxBytes } });

function streamed(chunks: readonly Uint8Array<ArrayBuffer>[], headers: Record<string, string> = {}): Request {
  const body = new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk);
      controller.close();
    },
  });
  return new Request(url, { method: "POST", body, headers });
}

describe("reading a body", () => {
  it("gives the raw bytes, in one piece, however they came", async () => {
    const chunks = [Uint8Array.from([1, 2]), Uint8Array.from([255]), Uint8Array.from([0, 13, 10])];
    expect(await readBody(streamed(chunks), 6)).toEqual({
      ok: true,
      value: Uint8Array.from([1, 2, 255, 0, 13, 10]),
    });
  });

  it("of a request without one gives no bytes", async () => {
    for (const request of [new Request(url, { method: "POST" }), streamed([])]) {
      expect(await readBody(request, 10)).toEqual({ ok: true, value: new Uint8Array(0) });
    }
  });

  it("stops at the cap, whatever the Content-Length says", async () => {
    const chunks = [new Uint8Array(6), new Uint8Array(5)];
    expect(await readBody(streamed(chunks), 10)).toEqual(tooLarge(10));
    expect(await readBody(streamed(chunks, { "content-length": "3" }), 10)).toEqual(tooLarge(10));
    expect(await readBody(streamed(chunks, { "content-length": "many" }), 10)).toEqual(tooLarge(10));
    expect((await readBody(streamed(chunks), 11)).ok).toBe(true);
  });

  it("of a received request is whole and capped, whatever its size and whatever length it claims", async () => {
    for (const sizeBytes of [1, 2, 16_384, 16_385, 40_000, 1_048_577]) {
      const bytes = new Uint8Array(sizeBytes).map((_, at) => at % 251);
      for (const claimed of [undefined, 0, 1, sizeBytes, sizeBytes + 1]) {
        const headers = new Headers(claimed === undefined ? {} : { "content-length": String(claimed) });
        const request = () => new Request(url, { method: "POST", body: bytes, headers });
        expect(await readBody(request(), sizeBytes + 1)).toEqual({ ok: true, value: bytes });
        if (sizeBytes > 1) expect(await readBody(request(), sizeBytes - 1)).toEqual(tooLarge(sizeBytes - 1));
      }
    }
  });

  it("does not begin when the Content-Length is over the cap", async () => {
    const pull = vi.fn<(controller: ReadableStreamDefaultController) => void>();
    const body = new ReadableStream({ pull }, { highWaterMark: 0 });
    const request = new Request(url, { method: "POST", body, headers: { "content-length": "11" } });
    expect(await readBody(request, 10)).toEqual(tooLarge(10));
    expect(pull).not.toHaveBeenCalled();
  });

  it("cancels what it does not want to read on", async () => {
    const { promise: cancelled, resolve } = Promise.withResolvers<void>();
    const body = new ReadableStream({
      pull: (controller) => controller.enqueue(new Uint8Array(8)),
      cancel: () => resolve(),
    });
    expect(await readBody(new Request(url, { method: "POST", body }), 10)).toEqual(tooLarge(10));
    await cancelled;
  });

  it("that breaks off is a failure, not an exception", async () => {
    const body = new ReadableStream({
      pull: (controller) => controller.error(new Error("connection reset")),
    });
    expect(await readBody(new Request(url, { method: "POST", body }), 10)).toEqual({
      ok: false,
      error: { kind: "malformed_body", reason: "interrupted" },
    });
  });

  describe("from a sender that stalls", () => {
    beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] }));
    afterEach(() => void vi.useRealTimers());

    it("ends at the deadline", async () => {
      const { promise: asked, resolve } = Promise.withResolvers<void>();
      const body = new ReadableStream({ pull: () => resolve() }, { highWaterMark: 0 });
      const reading = readBody(new Request(url, { method: "POST", body }), 10);
      await asked;
      await vi.advanceTimersByTimeAsync(LIMITS.ingest.bodyReadMs);
      expect(await reading).toEqual({ ok: false, error: { kind: "body_timeout" } });
    });

    it.each([
      [1, 5_000],
      [64 * 1_024, 6_000],
      [64 * 1_024 * 1_024, 30_000],
    ])("and says that it will send %d bytes is given %d ms", async (length, allowedMs) => {
      const { promise: asked, resolve } = Promise.withResolvers<void>();
      const body = new ReadableStream({ pull: () => resolve() }, { highWaterMark: 0 });
      const headers = { "content-length": String(length) };
      let outcome: unknown = "reading";
      const request = new Request(url, { method: "POST", body, headers });
      const reading = readBody(request, length).then((read) => (outcome = read));
      await asked;
      await vi.advanceTimersByTimeAsync(allowedMs - 2);
      expect(outcome).toBe("reading");
      await vi.advanceTimersByTimeAsync(2);
      expect(await reading).toEqual({ ok: false, error: { kind: "body_timeout" } });
    });

    it("byte by byte is ended at the same deadline: what trickles in buys no time", async () => {
      let sent = 0;
      const pull = async (controller: ReadableStreamDefaultController) => {
        await new Promise((resolve) => setTimeout(resolve, 1_000));
        sent++;
        controller.enqueue(new Uint8Array(1));
      };
      const body = new ReadableStream({ pull }, { highWaterMark: 0 });
      const reading = readBody(new Request(url, { method: "POST", body }), 1_000);
      await vi.advanceTimersByTimeAsync(LIMITS.ingest.bodyReadMs);
      expect(await reading).toEqual({ ok: false, error: { kind: "body_timeout" } });
      expect(sent).toBeGreaterThan(20);
    });
  });
});

describe("content types", () => {
  const format = (contentType: string | null, more: Record<string, string> = {}) =>
    bodyFormatOf(new Headers(contentType === null ? more : { "content-type": contentType, ...more }));

  it.each([
    ["application/json", "json"],
    ["Application/JSON; charset=UTF-8", "json"],
    ['application/json;charset="utf-8"', "json"],
    ["application/cloudevents+json", "json"],
    ["application/vnd.api.v2+json; profile=x", "json"],
    ["application/x-www-form-urlencoded", "form"],
    ["application/x-www-form-urlencoded; charset=utf8", "form"],
  ])("%s is read as %s", (contentType, expected) => {
    expect(format(contentType)).toEqual({ ok: true, value: expected });
  });

  it.each([
    [null, "content_type"],
    ["", "content_type"],
    ["text/plain", "content_type"],
    ["text/json", "content_type"],
    ["application/jsonx", "content_type"],
    ["multipart/form-data; boundary=x", "content_type"],
    [`application/json; ${"x".repeat(LIMITS.ingest.maxContentTypeCharacters)}`, "content_type"],
    ["application/json; charset=iso-8859-1", "charset"],
  ])("%s is not read", (contentType, reason) => {
    expect(format(contentType)).toEqual({ ok: false, error: reason });
  });

  it("a compressed body is not read", () => {
    expect(format("application/json", { "content-encoding": "gzip" })).toEqual({
      ok: false,
      error: "content_encoding",
    });
    expect(format("application/json", { "content-encoding": "identity" }).ok).toBe(true);
  });
});

describe("parsing a body", () => {
  const parse = (body: string | Uint8Array<ArrayBuffer>, format: BodyFormat = "json") =>
    parseBody(typeof body === "string" ? bytesOf(body) : body, format);

  it("JSON keeps its text; a byte order mark goes, from text and bytes alike", () => {
    const text = '{"a": [1, "ü"]}';
    const expected = { ok: true, value: { payload: { a: [1, "ü"] }, text, jsonBytes: bytesOf(text) } };
    expect(parse(text)).toEqual(expected);
    expect(parse(Uint8Array.from([0xef, 0xbb, 0xbf, ...bytesOf(text)]))).toEqual(expected);
  });

  it.each([
    ["empty", "", "empty"],
    ["blank", "  ", "not_json"],
    ["cut off", '{"a":', "not_json"],
    ["two documents", "{}{}", "not_json"],
    ["not JSON", "<xml/>", "not_json"],
    ["unbalanced", "]]]]", "not_json"],
  ])("a body that is %s is refused", (_what, body, reason) => {
    expect(parse(body)).toEqual({ ok: false, error: reason });
  });

  it("invalid UTF-8 is refused, in JSON and in forms", () => {
    for (const bytes of [
      [0x22, 0xff, 0x22],
      [0x22, 0xc3, 0x22],
      [0x22, 0xed, 0xa0, 0x80, 0x22],
    ]) {
      expect(parse(Uint8Array.from(bytes))).toEqual({ ok: false, error: "not_utf8" });
      expect(parse(Uint8Array.from(bytes), "form")).toEqual({ ok: false, error: "not_utf8" });
    }
    for (const form of ["a=%ff", "a=%C3", "%ed%a0%80=1", "payload=%7B%22a%22:%22%ff%22%7D"]) {
      expect(parse(form, "form"), form).toEqual({ ok: false, error: "not_utf8" });
    }
    // A replacement character that was sent is a character; a percent sign that escapes nothing is one too.
    for (const form of ["a=%EF%BF%BD", "a=100%", "a=%zz"]) expect(parse(form, "form").ok, form).toBe(true);
    // The decoder is shared: a failure must not linger.
    expect(parse('"fine"').ok).toBe(true);
  });

  it("depth is bounded, and nesting of a million levels is refused without being built", () => {
    const nested = (levels: number) => "[".repeat(levels) + "]".repeat(levels);
    expect(parse(nested(LIMITS.ingest.maxJsonDepth)).ok).toBe(true);
    expect(parse(nested(LIMITS.ingest.maxJsonDepth + 1))).toEqual({ ok: false, error: "too_deep" });
    expect(parse("[".repeat(1_000_000))).toEqual({ ok: false, error: "too_deep" });
    expect(parse(`${'{"a":'.repeat(100)}1${"}".repeat(100)}`)).toEqual({ ok: false, error: "too_deep" });
  });

  it("the number of keys and elements is bounded", () => {
    const list = (length: number) => `[${Array.from({ length }, () => "1").join(",")}]`;
    expect(parse(list(LIMITS.ingest.maxJsonNodes)).ok).toBe(true);
    expect(parse(list(LIMITS.ingest.maxJsonNodes + 1))).toEqual({ ok: false, error: "too_many_nodes" });
    const form = "a&".repeat(LIMITS.ingest.maxJsonNodes);
    expect(parse(form, "form")).toEqual({ ok: false, error: "too_many_nodes" });
  });

  it("names that come twice are harmless, and no name reaches a prototype", () => {
    expect(parse('{"a":1,"a":2}')).toMatchObject({ value: { payload: { a: 2 } } });
    const polluted = parse("__proto__=x&a=1&a=2", "form");
    expect(polluted).toMatchObject({ ok: true, value: { text: '{"__proto__":"x","a":"2"}' } });
  });

  it("a form becomes an object of strings, and its text is JSON", () => {
    const text = '{"token":"x y","team":"ü"}';
    expect(parse("token=x+y&team=%C3%BC", "form")).toEqual({
      ok: true,
      value: { payload: { token: "x y", team: "ü" }, text, jsonBytes: bytesOf(text) },
    });
  });

  it("a form that only wraps JSON in `payload` is that JSON", () => {
    const json = '{"type":"block_actions","n":[1]}';
    expect(parse(`payload=${encodeURIComponent(json)}`, "form")).toEqual({
      ok: true,
      value: { payload: { type: "block_actions", n: [1] }, text: json, jsonBytes: bytesOf(json) },
    });
    expect(parse("payload=hello", "form")).toMatchObject({ value: { payload: { payload: "hello" } } });
    expect(parse("payload=%7B%22a%22", "form")).toEqual({ ok: false, error: "not_json" });
    const deep = encodeURIComponent("[".repeat(1_000));
    expect(parse(`payload=${deep}`, "form")).toEqual({ ok: false, error: "too_deep" });
  });
});

describe("JSON bounds", () => {
  const depthOf = (value: unknown): number =>
    typeof value === "object" && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0;
  const nodesOf = (value: unknown): number => {
    if (typeof value !== "object" || value === null) return 0;
    const children = Object.values(value);
    return Math.max(1, children.length) + children.map(nodesOf).reduce((sum, nodes) => sum + nodes, 0);
  };

  it("measured on the text are those of the value, whatever its strings hold", () => {
    const strings = fc.oneof(fc.string(), fc.stringMatching(/^[[\]{}",:\\ab]*$/));
    const { value: values } = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.jsonValue(),
        strings,
        fc.array(tie("value"), { maxLength: 4 }),
        fc.dictionary(strings, tie("value"), { maxKeys: 4 }),
      ),
    }));
    fc.assert(
      fc.property(values, fc.constantFrom(undefined, 2), (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        const exact = { maxDepth: depthOf(JSON.parse(text)), maxNodes: nodesOf(JSON.parse(text)) };
        expect(exceededJsonBound(text, exact)).toBeNull();
        if (exact.maxDepth > 0) {
          expect(exceededJsonBound(text, { ...exact, maxDepth: exact.maxDepth - 1 })).toBe("too_deep");
          expect(exceededJsonBound(text, { ...exact, maxNodes: exact.maxNodes - 1 })).toBe("too_many_nodes");
        }
      }),
    );
  });

  it("are judged for any text, valid or not", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[[\]{}",:\\ a1]*$/), (text) => {
        const bound = exceededJsonBound(text, { maxDepth: 1_000_000, maxNodes: 1_000_000 });
        expect(bound).toBeNull();
      }),
    );
  });
});
