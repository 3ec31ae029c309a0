/** Waiting for something to become true: looked at often, for a bounded time, and never a moment longer than needed. */
import { setTimeout as sleep } from "node:timers/promises";

const LOOK_EVERY_MS = 50;
/** Far beyond what anything here takes on a busy machine: it only bounds a test that has failed. */
const GIVE_UP_AFTER_MS = 120_000;

type Looked<Value> = Value | null | undefined | false;

/** @param what said by the error when it never came true */
export async function until<Value>(
  what: string | (() => string),
  look: () => Looked<Value> | Promise<Looked<Value>>,
  timeoutMs = GIVE_UP_AFTER_MS,
): Promise<Value> {
  const deadlineMs = Date.now() + timeoutMs;
  for (;;) {
    const seen = await look();
    if (seen !== null && seen !== undefined && seen !== false) return seen;
    if (Date.now() >= deadlineMs) {
      throw new Error(`not within ${timeoutMs} ms: ${typeof what === "string" ? what : what()}`);
    }
    await sleep(LOOK_EVERY_MS);
  }
}
