/** The browser's own `EventSource`, whose reconnect meets trouble inside the gateway: it comes back by itself. */
import { EventSourceParserStream } from "eventsource-parser/stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as z from "zod";
import { LIMITS } from "../../src/config/limits.ts";
import { LETTER, startBrowserStage, type BrowserStage } from "../support/browser-stage.ts";
import { dropEvery } from "../support/dropping-line.ts";
import { BEARER } from "../support/e2e-gateway.ts";

let stage: BrowserStage;

beforeAll(async () => {
  stage = await startBrowserStage({ entrypoint: "dev/workers/failing-resume.worker.ts" });
});

afterAll(async () => {
  await stage.close();
});

const linksSchema = z.object({ id: z.string(), token: z.string() });
type Links = z.infer<typeof linksSchema>;

async function start(mark: string): Promise<Links> {
  const response = await fetch(`${stage.gateway.url}/v1/streams`, {
    method: "POST",
    headers: { ...BEARER, "content-type": "application/json" },
    body: JSON.stringify({ model: "fast", input: `${mark}. ${LETTER}` }),
  });
  return linksSchema.parse(await response.json());
}

const viewOf = ({ id, token }: Links, origin: string) => `${origin}/v1/streams/${id}?token=${token}`;

/** The ids of the log's events, as nobody disturbed reads them. */
async function wholeLog(stream: Links): Promise<readonly string[]> {
  const { body } = await fetch(viewOf(stream, stage.gateway.url));
  if (body === null) throw new Error("no body");
  const ids: string[] = [];
  const parsed = body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream());
  for await (const { id = "" } of parsed) ids.push(id);
  return ids;
}

/** The ids of what an `EventSource` of a page saw until it was closed: by a 204, or for good by anything else. */
async function watchToTheEnd(url: string): Promise<readonly string[]> {
  const page = await stage.browser.newPage();
  await page.goto(`${stage.pageUrl}/empty`);
  const ids = await page.evaluate((address) => {
    const { promise, resolve } = Promise.withResolvers<string[]>();
    const seen: string[] = [];
    const source = new EventSource(address);
    for (const event of ["start", "delta", "rewind", "done", "stopped", "error"]) {
      source.addEventListener(event, (message) => {
        if (message instanceof MessageEvent) seen.push(message.lastEventId);
        // An `error` without data is the connection's.
        else if (source.readyState === EventSource.CLOSED) resolve(seen);
      });
    }
    return promise;
  }, url);
  await page.close();
  return ids;
}

/** Until the address that this process and the browser share is held off. */
async function guessTokens(): Promise<void> {
  for (let count = 0; count <= LIMITS.operator.refusedTokensPerMinute; count++) {
    const wrong = { headers: { authorization: `Bearer guess-${count}` } };
    const { status } = await fetch(`${stage.gateway.url}/v1/events/evt_1`, wrong);
    if (status === 429) return;
  }
  throw new Error("nobody is held off");
}

describe("an EventSource in Chromium whose reconnect meets", () => {
  it.each<[string, string, () => Promise<void>]>([
    ["an exception, which is a 503 to others", "Resume fails once", async () => {}],
    ["a 429, because its address is held off", "Resumed while held off", guessTokens],
  ])("%s, comes back by itself and misses nothing", async (_, mark, trouble) => {
    const stream = await start(mark);
    const places = (ids: readonly (string | null)[]) =>
      ids.filter((id, turn) => turn > 0 && id === ids[turn - 1]);
    const line = await dropEvery(stage.gateway.url, {
      bytes: 700,
      how: "end",
      // Again while it was met by nobody: a slow machine may outlast the wait that it is to meet.
      beforeReconnect: async (lastEventIds) => {
        if (places(lastEventIds).length === 0) await trouble();
      },
    });
    const seen = await watchToTheEnd(viewOf(stream, line.url));
    await line.close();
    // Each connection brings an event at least: the one that brought none was told to come back.
    expect(places(line.lastEventIds)).toHaveLength(1);
    expect(seen).toEqual(await wholeLog(stream));
    expect(line.lastEventIds.at(-1)).toBe(seen.at(-1));
    expect(stage.callsAbout(mark)).toHaveLength(1);
  });
});
