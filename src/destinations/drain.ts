/**
 * Reads what is left of an answer, so that its connection can be used again, but neither much nor for long:
 * beyond either bound the body is cancelled. The answer's status has been taken by then, so nothing that
 * happens here changes a delivery's result.
 */
import { LIMITS } from "../config/limits.ts";

export async function drain(body: ReadableStream<Uint8Array> | null): Promise<void> {
  if (body === null) return;
  const reader = body.getReader();
  const giveUp = () => {
    reader.cancel().catch(() => undefined);
  };
  // Cancelling ends a pending read, too.
  const timer = setTimeout(giveUp, LIMITS.destinations.drainMs);
  let readBytes = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      readBytes += value.byteLength;
      if (readBytes > LIMITS.destinations.maxResponseBytes) return giveUp();
    }
  } catch {
    // A connection that breaks after the status has nothing more to say.
  } finally {
    clearTimeout(timer);
  }
}
