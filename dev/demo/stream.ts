/** Streams one answer from the gateway to the terminal, the way a browser would read it. */
import { EventSourceParserStream } from "eventsource-parser/stream";

const PROMPT =
  "Thank you for the quick help with our order. The parcel from Harbourline Logistics arrived on 4 March, two days early, and everything was in it. One jar was cracked, which is a pity, but the support team refunded 12.50 EUR the same day. We will gladly order again.";

/** @returns the terminal event's name: done, error, or nothing when the stream just ended */
export async function streamOneAnswer(url: string, token: string): Promise<string> {
  const response = await fetch(`${url}/v1/streams`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${token}`,
      "content-type": "application/json",
      accept: "text/event-stream",
    },
    body: JSON.stringify({ model: "fast", input: PROMPT }),
  });
  if (!response.ok || response.body === null) return `http_${response.status}`;
  process.stdout.write("  ");
  let terminal = "cut";
  const events = response.body
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(new EventSourceParserStream());
  for await (const { event, data } of events) {
    const text: unknown = event === "delta" ? Reflect.get(JSON.parse(data) as object, "text") : undefined; // the gateway's own frame
    if (typeof text === "string") process.stdout.write(text.replaceAll("\n", "\n  "));
    if (event === "done" || event === "error") terminal = event;
  }
  process.stdout.write("\n");
  return terminal;
}
