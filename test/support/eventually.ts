/** Waits for what another part does in its own time. The time-out only ends a test that would hang: no promise has a clock. */
import { vi } from "vitest";

const HANG_MS = 25_000;

/** @returns what `check` returns, once it no longer throws */
export function eventually<Value>(check: () => Value | Promise<Value>): Promise<Value> {
  return vi.waitFor(check, { timeout: HANG_MS });
}
