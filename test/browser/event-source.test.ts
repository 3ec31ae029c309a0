/** The browser's own `EventSource` over a resumable stream: dropped in every way, it misses nothing and sees nothing twice. */
import type { Page } from "playwright-core";
import { EventSourceParserStream } from "eventsource-parser/stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as z from "zod";
import { LETTER, startBrowserStage, type BrowserStage } from "../support/browser-stage.ts";
import { dropEvery } from "../support/dropping-line.ts";
import { BEARER } from "../support/e2e-gateway.ts";

let stage: BrowserStage;

beforeAll(async () => {
  stage = await startBrowserStage();
});

afterAll(async () => {
  await stage.close();
});

const linksSchema = z.object({ id: z.string(), url: z.string(), token: z.string() });
const seenSchema = z.object({ id: z.string(), event: z.string(), data: z.string() });
type Seen = z.infer<typeof seenSchema>;

async function start(mark: string) {
  const response = await fetch(`${stage.gateway.url}/v1/streams`, {
    method: "POST",
    headers: { ...BEARER, "content-type": "application/json" },
    body: JSON.stringify({ model: "fast", input: `${mark}. ${LETTER}` }),
  });
  return linksSchema.parse(await response.json());
}

/** An empty page of the origin that the gateway lets in. */
async function open(): Promise<Page> {
  const page = await stage.browser.newPage();
  await page.goto(`${stage.pageUrl}/empty`);
  return page;
}

/** Watches in the page; what it sees is kept where a reload does not take it. */
async function watch(page: Page, url: string): Promise<void> {
  await page.evaluate((address) => {
    const kept = () => JSON.parse(sessionStorage.getItem("seen") ?? "[]") as { id: string }[]; // written below
    const after = kept().at(-1)?.id;
    const source = new EventSource(after === undefined ? address : `${address}&after=${after}`);
    for (const event of ["start", "delta", "rewind", "done", "stopped", "error"]) {
      source.addEventListener(event, (message) => {
        // An `error` without data is the connection's.
        if (!(message instanceof MessageEvent)) return;
        const one = { id: message.lastEventId, event, data: String(message.data) };
        sessionStorage.setItem("seen", JSON.stringify([...kept(), one]));
      });
    }
    Object.assign(window, { source });
  }, url);
}

async function seen(page: Page): Promise<readonly Seen[]> {
  const text = await page.evaluate(() => sessionStorage.getItem("seen") ?? "[]");
  return z.array(seenSchema).parse(JSON.parse(text));
}

const count = (page: Page, least: number) =>
  page.waitForFunction(
    (wanted) => (JSON.parse(sessionStorage.getItem("seen") ?? "[]") as unknown[]).length >= wanted, // see watch
    least,
  );
/** The stream has ended, and the answer to the next connection (204) has ended the reconnecting. */
const closed = (page: Page) =>
  page.waitForFunction(
    () => (Reflect.get(window, "source") as EventSource).readyState === EventSource.CLOSED, // see watch
  );

/** The log, as nobody disturbed reads it. */
async function whole({
  url,
  token,
}: {
  readonly url: string;
  readonly token: string;
}): Promise<readonly Seen[]> {
  const { body } = await fetch(`${url}?token=${token}`);
  if (body === null) throw new Error("no body");
  const events: Seen[] = [];
  const parsed = body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream());
  for await (const { id = "", event = "", data } of parsed) events.push({ id, event, data });
  return events;
}

describe.concurrent("an EventSource in Chromium", () => {
  it.each(["end", "reset"] as const)(
    "whose connection is dropped (%s) resumes after the last event it has",
    async (how) => {
      const stream = await start(`Dropped by ${how}`);
      const line = await dropEvery(stage.gateway.url, { bytes: 700, how });
      const page = await open();
      await watch(page, `${line.url}/v1/streams/${stream.id}?token=${stream.token}`);
      await closed(page);
      const events = await seen(page);
      expect(events).toEqual(await whole(stream));
      expect(events.at(-1)?.event).toBe("done");
      // A connection that brought no whole event says the same again; the last one names the end, and is told 204.
      expect(line.lastEventIds.length).toBeGreaterThan(3);
      expect(line.lastEventIds[0]).toBeNull();
      expect(line.lastEventIds.at(-1)).toBe(events.at(-1)?.id);
      const named = line.lastEventIds.slice(1).map(Number);
      expect(named).toEqual(named.toSorted((left, right) => left - right));
      expect(stage.callsAbout(`Dropped by ${how}`)).toHaveLength(1);
      await line.close();
      await page.close();
    },
  );

  it("whose tab is reloaded goes on from where the page had come to", async () => {
    const stream = await start("Tab reloaded");
    const page = await open();
    const url = `${stream.url}?token=${stream.token}`;
    for (let turn = 1; turn <= 3; turn++) {
      await watch(page, url);
      await count(page, turn * 4);
      await page.reload();
    }
    await watch(page, url);
    await closed(page);
    expect(await seen(page)).toEqual(await whole(stream));
    expect(stage.callsAbout("Tab reloaded")).toHaveLength(1);
    await page.close();
  });

  it("of a page that the gateway does not know is given nothing", async () => {
    const stream = await start("Stranger");
    const page = await stage.browser.newPage();
    await page.goto(stage.gateway.model.url);
    await watch(page, `${stream.url}?token=${stream.token}`);
    await closed(page);
    expect(await seen(page)).toEqual([]);
    await page.close();
  });
});
