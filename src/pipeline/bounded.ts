/**
 * Work with an end: a time limit and an outer signal. The work gets a signal of its own and is not waited
 * for once that has fired, so code that ignores its signal cannot hold up a lease.
 */

export type BoundedOutcome<Value> =
  | { readonly kind: "returned"; readonly value: Value }
  | { readonly kind: "threw"; readonly thrown: unknown }
  | { readonly kind: "timeout" }
  /** The outer signal fired: the lease is lost. */
  | { readonly kind: "aborted" };

const TIMEOUT_NAME = "TimeoutError";

/** Whether a stage's signal fired because its time was up, and not because the lease was lost. */
export function isTimeout(signal: AbortSignal): boolean {
  return signal.aborted && signal.reason instanceof Error && signal.reason.name === TIMEOUT_NAME;
}

export async function runBounded<Value>(
  outer: AbortSignal,
  timeoutMs: number,
  work: (signal: AbortSignal) => Value | Promise<Value>,
): Promise<BoundedOutcome<Value>> {
  if (outer.aborted) return { kind: "aborted" };
  const inner = new AbortController();
  const stopped = Promise.withResolvers<BoundedOutcome<Value>>();
  // Resolved before the work hears of it: what the work makes of its abort doesn't count.
  const onAbort = () => {
    stopped.resolve({ kind: "aborted" });
    inner.abort(outer.reason);
  };
  const onTimeout = () => {
    stopped.resolve({ kind: "timeout" });
    inner.abort(new DOMException("the stage's time is up", TIMEOUT_NAME));
  };
  outer.addEventListener("abort", onAbort, { once: true });
  const timer = setTimeout(onTimeout, timeoutMs);
  try {
    return await Promise.race([capture(work, inner.signal), stopped.promise]);
  } finally {
    clearTimeout(timer);
    outer.removeEventListener("abort", onAbort);
  }
}

/** Never rejects, so the loser of a race leaves nothing unhandled. */
async function capture<Value>(
  work: (signal: AbortSignal) => Value | Promise<Value>,
  signal: AbortSignal,
): Promise<BoundedOutcome<Value>> {
  try {
    return { kind: "returned", value: await work(signal) };
  } catch (thrown) {
    return { kind: "threw", thrown };
  }
}

export function abortableSleep(delayMs: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, delayMs);
  const onAbort = () => resolve();
  signal.addEventListener("abort", onAbort, { once: true });
  return promise.finally(() => {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
  });
}
