/** Resumable streams over real HTTP, read by the clients that people use. */
import { createHmac, randomUUID } from "node:crypto";
import { EventSource } from "eventsource";
import { EventSourceParserStream } from "eventsource-parser/stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as z from "zod";
import { LOCAL_SECRETS } from "../../dev/lib/local-secrets.ts";
import type { ModelCall } from "../../dev/model-server/server.ts";
import { dropEvery } from "../support/dropping-line.ts";
import { startDirectGateway, type DirectGateway } from "../support/e2e-direct-gateway.ts";
import { arm, BEARER } from "../support/e2e-gateway.ts";
import { until } from "../support/e2e-until.ts";

const LETTER =
  "Thank you for the quick help with our order. The parcel from Harbourline Logistics arrived on 4 March, two days early. One jar was cracked, which is a pity, but the support team refunded 12.50 EUR the same day. We will gladly order again.";

let gateway: DirectGateway;

beforeAll(async () => {
  gateway = await startDirectGateway();
});

afterAll(async () => {
  await gateway.close();
});

interface Started {
  readonly id: string;
  readonly url: string;
  readonly token: string;
  readonly stopToken: string;
}

function post(mark: string, query = "", headers: Readonly<Record<string, string>> = {}, more = {}) {
  return fetch(`${gateway.url}/v1/streams${query}`, {
    method: "POST",
    headers: { ...BEARER, "content-type": "application/json", ...headers },
    body: JSON.stringify({ model: "fast", input: `${mark}. ${LETTER}`, ...more }),
  });
}

async function start(mark: string): Promise<Started> {
  return linksOf(await post(mark));
}

async function linksOf(response: Response): Promise<Started> {
  expect(response.status).toBe(201);
  return (await response.json()) as Started; // the gateway's own form
}

interface Read {
  readonly event: string | undefined;
  readonly id: string | undefined;
  readonly data: string;
}

async function all(response: Response): Promise<Read[]> {
  if (response.body === null) throw new Error("no body");
  const events: Read[] = [];
  const parsed = response.body
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(new EventSourceParserStream());
  for await (const { event, id, data } of parsed) events.push({ event, id, data });
  return events;
}

const textOf = (events: readonly Read[]) =>
  events
    .filter(({ event }) => event === "delta")
    .map(({ data }) => (JSON.parse(data) as { readonly text: string }).text) // a delta's own form
    .join("");

const view = (stream: Started, query = "") => fetch(`${stream.url}?token=${stream.token}${query}`);

function callsAbout(mark: string): readonly ModelCall[] {
  return gateway.model.calls.entries().filter((call) => call.textStart.includes(mark));
}

describe.concurrent("a stream", () => {
  it("is started without being watched, and read by anybody with its token", async () => {
    const stream = await start("Unwatched");
    expect(stream.url).toBe(`${gateway.url}/v1/streams/${stream.id}`);
    const [first, second] = await Promise.all([all(await view(stream)), all(await view(stream))]);
    expect(first).toEqual(second);
    expect(first.at(-1)?.event).toBe("done");
    expect(callsAbout("Unwatched")).toHaveLength(1);
    expect((await view(stream, `&after=${first.length}`)).status).toBe(204);
    const rest = await all(await view(stream, "&after=10"));
    expect(rest).toEqual(first.slice(10));
  });

  it("that is watched at once tells in its first event how to come back", async () => {
    const response = await post("Watched", "", { accept: "text/event-stream" });
    const events = await all(response);
    const links = JSON.parse(events[0]?.data ?? "") as Started; // the gateway's own form
    const again = await all(await view(links));
    expect(again.slice(1)).toEqual(events.slice(1));
    expect(again[0]?.data).not.toContain("token");
  });

  it("goes on when its viewer leaves, and can be read to the end afterwards", async () => {
    const leaving = new AbortController();
    const stream = await start("Left alone");
    const response = await fetch(`${stream.url}?token=${stream.token}`, { signal: leaving.signal });
    await response.body?.getReader().read();
    leaving.abort();
    const events = await all(await view(stream));
    expect(events.at(-1)?.event).toBe("done");
    expect(callsAbout("Left alone")[0]).toMatchObject({ abortedAtMs: null });
  });

  it("that is stopped ends at the model, and says so to its viewers", async () => {
    const stream = await start("Stopped");
    const watching = view(stream).then(all);
    await until("the model writes", () => callsAbout("Stopped")[0]?.status === 200);
    const refused = await fetch(`${stream.url}?token=${stream.token}`, { method: "DELETE" });
    expect(refused.status).toBe(403);
    const stopped = await fetch(`${stream.url}?token=${stream.stopToken}`, { method: "DELETE" });
    expect(await stopped.json()).toEqual({ id: stream.id, state: "stopped" });
    expect((await watching).at(-1)?.event).toBe("stopped");
    const call = await until("the model hears of it", () => {
      const [seen] = callsAbout("Stopped");
      return seen?.abortedAtMs === null ? undefined : seen;
    });
    expect(call.finishedAtMs).toBeNull();
    const again = await fetch(`${stream.url}?token=${stream.stopToken}`, { method: "DELETE" });
    expect(await again.json()).toEqual({ id: stream.id, state: "stopped" });
  });

  it("whose upstream is cut ends in an explicit error, for late viewers too", async () => {
    await arm(gateway.model, { match: "Cut off", times: 1, cutAfterChunks: 5, cutMode: "end" });
    const stream = await start("Cut off");
    for (let turn = 0; turn < 2; turn++) {
      const events = await all(await view(stream));
      expect(events.map(({ event }) => event)).toEqual([
        "start",
        ...Array.from({ length: 5 }, () => "delta"),
        "error",
      ]);
    }
    expect(callsAbout("Cut off")).toHaveLength(1);
  });

  it("opens to no other token", async () => {
    const [mine, other] = await Promise.all([start("Mine"), start("Another's")]);
    for (const token of [other.token, "sst_r_x", ""]) {
      expect((await fetch(`${mine.url}?token=${token}`)).status).toBe(401);
    }
    expect((await fetch(mine.url)).status).toBe(401);
    expect((await fetch(mine.url, { headers: BEARER })).status).toBe(200);
    const unknown = await fetch(`${gateway.url}/v1/streams/strm_${"0".repeat(32)}`, { headers: BEARER });
    expect(unknown.status).toBe(404);
  });
});

describe.concurrent("streams of one user", () => {
  it("are listed with how they stand, to the API's token alone", async () => {
    const stream = await linksOf(await post("Listed", "", {}, { user: "dana" }));
    const list = async () =>
      z
        .object({ streams: z.array(z.looseObject({ id: z.string(), url: z.string(), state: z.string() })) })
        .parse(await (await fetch(`${gateway.url}/v1/streams?user=dana`, { headers: BEARER })).json())
        .streams;
    const { id, url } = stream;
    expect(await list()).toMatchObject([{ id, url, state: "open" }]);
    await all(await view(stream));
    await until("its end is listed", async () => (await list())[0]?.state === "done");
    expect((await fetch(`${gateway.url}/v1/streams?user=dana`)).status).toBe(401);
    expect((await fetch(`${gateway.url}/v1/streams`, { headers: BEARER })).status).toBe(400);
  });
});

describe.concurrent("a pipeline", () => {
  const issue = (title: string) => ({
    action: "opened",
    repository: { full_name: "acme/till" },
    issue: { number: 7, title, body: LETTER },
  });

  it("is the source of a stream: its prompt and model, for an input that is no event", async () => {
    const response = await fetch(`${gateway.url}/v1/streams`, {
      method: "POST",
      headers: { ...BEARER, "content-type": "application/json", accept: "text/event-stream" },
      body: JSON.stringify({ pipeline: "triage", input: issue("As a source") }),
    });
    const events = await all(response);
    expect(JSON.parse(textOf(events))).toMatchObject({ label: expect.any(String) });
    expect(events.at(-1)?.event).toBe("done");
  });

  it("that streams is watched from the webhook on, and its event ends as any other", async () => {
    const body = JSON.stringify(issue("Watched event"));
    const key = createHmac("sha256", LOCAL_SECRETS["GITHUB_WEBHOOK_SECRET"] ?? "").update(body);
    const accepted = await fetch(`${gateway.url}/in/github`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        "x-github-event": "issues",
        "x-github-delivery": randomUUID(),
        "x-hub-signature-256": `sha256=${key.digest("hex")}`,
      },
      body,
    });
    const { id } = z.object({ id: z.string() }).parse(await accepted.json());
    const made = await fetch(`${gateway.url}/v1/events/${id}/stream`, { method: "POST", headers: BEARER });
    const { url, token } = z.object({ url: z.string(), token: z.string() }).parse(await made.json());
    // From before the first token on: it comes again until there is something.
    const source = new EventSource(`${url}?token=${token}`);
    const texts: string[] = [];
    const ended = Promise.withResolvers<void>();
    source.addEventListener("delta", ({ data }: MessageEvent<string>) => {
      texts.push((JSON.parse(data) as { readonly text: string }).text); // a delta's own form
    });
    source.addEventListener("done", () => ended.resolve());
    await ended.promise;
    source.close();
    expect(texts.length).toBeGreaterThan(3);
    const event = await until("the event has its output", async () => {
      const answer = await fetch(`${gateway.url}/v1/events/${id}`, { headers: BEARER });
      return z
        .looseObject({ output: z.nullable(z.looseObject({ value: z.unknown() })) })
        .parse(await answer.json()).output;
    });
    expect(event?.value).toEqual(JSON.parse(texts.join("")));
    expect(callsAbout("Watched event")).toHaveLength(1);
  });
});

describe.concurrent("useChat's format", () => {
  it("streams, resumes from the start while active, and is 204 afterwards", async () => {
    const response = await post("Chat", "?format=ui", { accept: "text/event-stream" });
    expect(response.headers.get("x-vercel-ai-ui-message-stream")).toBe("v1");
    const events = await all(response);
    expect(events.at(-1)?.data).toBe("[DONE]");
    const first = JSON.parse(events[0]?.data ?? "") as { readonly messageId: string }; // a start's own form
    const resume = `${gateway.url}/v1/streams/${first.messageId}/stream`;
    expect((await fetch(resume, { headers: BEARER })).status).toBe(204);
    const stream = await start("Chat again");
    const live = await all(
      await fetch(`${gateway.url}/v1/streams/${stream.id}/stream?token=${stream.token}`),
    );
    expect(JSON.parse(live[0]?.data ?? "")).toEqual({ type: "start", messageId: stream.id });
    expect(live.at(-1)?.data).toBe("[DONE]");
  });
});

describe.concurrent("an EventSource", () => {
  it("that loses its connection again and again misses nothing, sees nothing twice, and stops at the end", async () => {
    const stream = await start("Reconnecting");
    const line = await dropEvery(gateway.url, { bytes: 700, how: "reset" });
    const source = new EventSource(`${line.url}/v1/streams/${stream.id}?token=${stream.token}`);
    const texts: string[] = [];
    const ids: string[] = [];
    const ended = Promise.withResolvers<void>();
    source.addEventListener("delta", ({ data, lastEventId }: MessageEvent<string>) => {
      ids.push(lastEventId);
      texts.push((JSON.parse(data) as { readonly text: string }).text); // a delta's own form
    });
    source.addEventListener("done", () => ended.resolve());
    await ended.promise;
    await until("it gives up at 204", () => source.readyState === source.CLOSED);
    source.close();
    await line.close();
    const whole = await all(await view(stream));
    expect(texts.join("")).toBe(textOf(whole));
    expect(ids).toEqual(whole.filter(({ event }) => event === "delta").map(({ id }) => id));
    expect(line.lastEventIds.length).toBeGreaterThan(2);
    expect(callsAbout("Reconnecting")).toHaveLength(1);
  });
});
