/**
 * One event that was delivered long ago is sent again, as a sender does that lost the answer. It must be answered
 * as a duplicate, with what the first one came to.
 */
import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod";
import { post, type Sent } from "./traffic.ts";

/** Of a source with `idempotency: "results"`: answered at the edge, without a message or a partition. */
const SENDER = "github";
/** The look-up passes a slow KV by, and then the partition decides: on a busy machine it is asked again. */
const MAX_ATTEMPTS = 10;
const PAUSE_MS = 500;

const answerSchema = z.object({
  id: z.string(),
  status: z.literal("duplicate"),
  state: z.literal("done"),
  result: z.json(),
});

export async function sendAgain(
  url: string,
  sent: readonly Sent[],
): Promise<{ readonly isAnswered: boolean; readonly text: string }> {
  const delivered = sent.filter(({ kind, word }) => kind === "event" && word === "queued");
  const one = delivered.find(({ sample }) => sample.sender === SENDER) ?? delivered[0];
  if (one === undefined) return { isAnswered: true, text: "there was none to send again" };
  let said: unknown = null;
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
    const { answer } = await post(url, one.sample, "duplicate");
    said = answer;
    const parsed = answerSchema.safeParse(answer);
    if (parsed.success) {
      const { state, result } = parsed.data;
      const text = `${one.sample.sender} ${one.sample.type}: duplicate, ${state}, ${JSON.stringify(result)}`;
      return { isAnswered: parsed.data.id === one.eventId, text };
    }
    await sleep(PAUSE_MS);
  }
  return { isAnswered: false, text: `not answered with a result: ${JSON.stringify(said)}` };
}
