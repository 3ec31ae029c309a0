/** Waits for a promise, but not for ever. The promise is not cancelled; its late rejection is swallowed. */
export async function within<Value>(
  waitMs: number,
  signal: AbortSignal | null,
  promise: Promise<Value>,
): Promise<Value | "late"> {
  const late = Promise.withResolvers<"late">();
  const onLate = () => late.resolve("late");
  const timer = setTimeout(onLate, waitMs);
  signal?.addEventListener("abort", onLate, { once: true });
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onLate);
  }
}
