import { describe, expect, it } from "vitest";
import { classifyDeliveryStatus } from "../../src/core/classify/delivery-status.ts";
import { checkEndpointUrl } from "../../src/core/classify/endpoint-url.ts";
import { parseRfc3339, readRetryAfter } from "../../src/core/classify/retry-after.ts";

const NOW_MS = Date.UTC(2026, 0, 1, 12, 0, 0);
const HOUR_MS = 3_600_000;

const wait = (headers: Record<string, string>) => readRetryAfter((name) => headers[name], NOW_MS, HOUR_MS);

describe("Retry-After", () => {
  it.each([
    [{ "retry-after": "7" }, 7_000],
    [{ "retry-after": " 1.5 " }, 1_500],
    [{ "retry-after": "0" }, 0],
    [{ "retry-after-ms": "250", "retry-after": "9" }, 250],
    [{ "retry-after": "Thu, 01 Jan 2026 12:00:30 GMT" }, 30_000],
    [{ "retry-after": "Thu, 01 Jan 2026 11:00:00 GMT" }, 0],
  ])("%o waits %i ms", (headers, waitMs) => {
    expect(wait(headers)).toEqual({ waitMs, clamped: false });
  });

  it.each(["", "-1", "soon", "1e9", "NaN", "0x10", "5 apples", "2026-01-01", "Infinity"])(
    "ignores %j",
    (text) => {
      expect(wait({ "retry-after": text })).toBeUndefined();
    },
  );

  it("clamps what is absurd, and says so", () => {
    expect(wait({ "retry-after": "86400" })).toEqual({ waitMs: HOUR_MS, clamped: true });
    expect(wait({ "retry-after": "Thu, 01 Jan 2099 12:00:00 GMT" })).toEqual({
      waitMs: HOUR_MS,
      clamped: true,
    });
  });

  it("takes RFC 3339 times in their own form only", () => {
    expect(parseRfc3339("2026-01-01T12:00:05Z")).toBe(NOW_MS + 5_000);
    expect(parseRfc3339("2026-01-01T14:00:05.500+02:00")).toBe(NOW_MS + 5_500);
    for (const text of ["2026", "2026-01-01", "yesterday", "1767268805"])
      expect(parseRfc3339(text)).toBeUndefined();
  });
});

describe("a delivery", () => {
  it.each([
    ["delivered", [200, 201, 202, 204, 299]],
    ["transient", [408, 425, 429, 500, 502, 503, 599]],
    ["permanent", [300, 301, 302, 304, 307, 308, 400, 401, 403, 404, 409, 410, 413, 422]],
  ] as const)("is %s for its statuses", (verdict, statuses) => {
    for (const status of statuses)
      expect([status, classifyDeliveryStatus(status)]).toEqual([status, verdict]);
  });
});

describe("an endpoint's URL", () => {
  it.each([
    "https://crm.example/hook",
    "http://localhost:8791",
    "http://127.0.0.1/x",
    "http://[::1]:1/",
    "http://sink.localhost/",
  ])("%s may be called", (text) => {
    expect(checkEndpointUrl(text).ok).toBe(true);
  });

  it.each([
    "http://crm.example/hook",
    "http://127.0.0.1.evil.example/",
    "http://localhost.evil.example/",
    "ftp://localhost/",
    "https://user:pass@crm.example/",
    "crm.example",
    "",
  ])("%j may not, and the reason does not quote it", (text) => {
    const checked = checkEndpointUrl(text);
    expect(checked.ok).toBe(false);
    if (!checked.ok && text !== "") expect(checked.error).not.toContain(text);
  });

  it("may be plain http where nothing secret goes along", () => {
    expect(checkEndpointUrl("http://ollama.internal/v1", { allowPlainHttp: true }).ok).toBe(true);
  });
});
