/** An `EventSource` (npm `eventsource`) through trouble that passes: it comes back, from where it was. */
import { EventSource } from "eventsource";
import { Hono } from "hono";
import { describe, expect, it } from "vitest";
import { comesBack } from "../../src/streaming/come-back.ts";

const PROBLEM = { "content-type": "application/problem+json" };
const events = (text: string) =>
  new Response(text, { headers: { "content-type": "text/event-stream; charset=utf-8" } });

type Answer = () => Response;

/** Answers in turn; the last one again and again. */
function gateway(answers: readonly Answer[]) {
  const lastIds: (string | undefined)[] = [];
  const app = new Hono();
  app.onError(() => new Response("{}", { status: 503, headers: PROBLEM }));
  app.use("/v1/streams/*", comesBack());
  app.get("/v1/streams/:id", (context) => {
    lastIds.push(context.req.header("last-event-id"));
    const answer = answers[Math.min(lastIds.length, answers.length) - 1];
    return answer === undefined ? new Response(null, { status: 204 }) : answer();
  });
  return { app, lastIds };
}

async function watch(app: Hono): Promise<{ readonly data: readonly string[]; readonly closed: boolean }> {
  const source = new EventSource("https://gateway.test/v1/streams/s1", {
    fetch: async (url, init) => app.request(String(url), init),
  });
  const { promise, resolve } = Promise.withResolvers<{ data: readonly string[]; closed: boolean }>();
  const data: string[] = [];
  source.addEventListener("message", (message: MessageEvent<string>) => {
    data.push(message.data);
    if (message.data === "end") resolve({ data, closed: false });
  });
  source.addEventListener("error", () => {
    if (source.readyState === EventSource.CLOSED) resolve({ data, closed: true });
  });
  const seen = await promise;
  source.close();
  return seen;
}

const FIRST: Answer = () => events("retry: 10\n\nid: 7\ndata: words\n\n");
const LAST: Answer = () => events("id: 8\ndata: end\n\n");
const refuse = (status: number, headers: Record<string, string> = {}): Answer => {
  return () => new Response("{}", { status, headers: { ...PROBLEM, ...headers } });
};

describe("a browser that reconnects into", () => {
  it.each<[string, Answer]>([
    [
      "an exception",
      () => {
        throw new Error("the object is gone");
      },
    ],
    ["a 503 that names no time", refuse(503)],
    ["a 502", refuse(502)],
    ["a 429 with a time", refuse(429, { "retry-after": "1" })],
  ])("%s comes back, and goes on after its last event", async (_, trouble) => {
    const { app, lastIds } = gateway([FIRST, trouble, LAST]);
    expect(await watch(app)).toEqual({ data: ["words", "end"], closed: false });
    expect(lastIds).toEqual([undefined, "7", "7"]);
  });

  it.each([401, 403, 404, 410])("a %i is closed for good: that does not pass", async (status) => {
    const { app, lastIds } = gateway([FIRST, refuse(status), LAST]);
    expect(await watch(app)).toEqual({ data: ["words"], closed: true });
    expect(lastIds).toHaveLength(2);
  });
});

it("any other client is told of trouble by its status", async () => {
  const { app } = gateway([refuse(503, { "retry-after": "5" })]);
  const answer = await app.request("/v1/streams/s1");
  expect(answer.status).toBe(503);
  expect(answer.headers.get("retry-after")).toBe("5");
});
