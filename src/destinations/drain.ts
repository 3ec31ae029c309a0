/**
 * Reads what is left of an answer, so that its connection can be used again, but neither much nor for long: beyond either bound
 * the body is cancelled. The answer's status has been taken by then, so nothing that happens here changes a delivery's result.
 */
import { LIMITS } from "../config/limits.ts";
import { EXCERPT_READ_CHARACTERS } from "../core/answer-excerpt.ts";

/** @returns the beginning of the answer's text, as far as it came */
export async function drain(body: ReadableStream<Uint8Array> | null): Promise<string> {
  if (body === null) return "";
  const reader = body.getReader();
  const decoder = new TextDecoder();
  const giveUp = () => {
    reader.cancel().catch(() => undefined);
  };
  // Cancelling ends a pending read, too.
  const timer = setTimeout(giveUp, LIMITS.destinations.drainMs);
  let readBytes = 0;
  let text = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return text;
      if (text.length < EXCERPT_READ_CHARACTERS) text += decoder.decode(value, { stream: true });
      readBytes += value.byteLength;
      if (readBytes > LIMITS.destinations.maxResponseBytes) {
        giveUp();
        return text;
      }
    }
  } catch {
    // A connection that breaks after the status has nothing more to say.
    return text;
  } finally {
    clearTimeout(timer);
  }
}
