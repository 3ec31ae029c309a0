/** The arithmetic of waiting: promised in the docs, so exact here. */
import { describe, expect, it } from "vitest";
import { DELIVERY_RETRY, MODEL_RETRY, retryDelayMs } from "../../src/core/retry.ts";

describe("a retry", () => {
  const delays = (count: number, random: number) =>
    Array.from({ length: count }, (_, failed) => retryDelayMs(MODEL_RETRY, failed + 1, random));

  it("of a model stage waits 1 s, doubling, up to 60 s, five times", () => {
    const capped = [60_000, 60_000, 60_000, 60_000];
    expect(delays(10, 0)).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, ...capped]);
    expect(MODEL_RETRY.maxRetries).toBe(5);
  });

  it("waits up to half as long again, by chance, and with that no longer than the cap", () => {
    expect(delays(7, 0.5)).toEqual([1_250, 2_500, 5_000, 10_000, 20_000, 40_000, 60_000]);
    expect(retryDelayMs({ ...MODEL_RETRY, firstDelayMs: 1_005 }, 1, 0.25)).toBe(1_131);
  });

  it("of a delivery spans more than a day, and no single wait more than four hours", () => {
    const waits = Array.from({ length: DELIVERY_RETRY.maxRetries }, (_, failed) =>
      retryDelayMs(DELIVERY_RETRY, failed + 1, 0),
    );
    expect(waits.slice(0, 3)).toEqual([5_000, 10_000, 20_000]);
    expect(Math.max(...waits)).toBe(4 * 3_600_000);
    expect(waits).toHaveLength(20);
    expect(waits.reduce((sum, wait) => sum + wait, 0)).toBeGreaterThan(24 * 3_600_000);
    expect(retryDelayMs(DELIVERY_RETRY, 1, 0.5)).toBe(5_500);
  });

  it("never waits less than the other side asks for, and takes a first attempt for granted", () => {
    expect(retryDelayMs(MODEL_RETRY, 1, 0, 300_000)).toBe(300_000);
    expect(retryDelayMs(MODEL_RETRY, 1, 0, 10)).toBe(1_000);
    expect(retryDelayMs(MODEL_RETRY, 0, 0)).toBe(1_000);
    expect(retryDelayMs({ ...MODEL_RETRY, firstDelayMs: 0 }, 1, 0)).toBe(0);
  });
});
