/** `useChat` of `@ai-sdk/react` in a real browser, over the gateway's UI message stream. */
import type { BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as z from "zod";
import { LETTER, startBrowserStage, type BrowserStage } from "../support/browser-stage.ts";
import { arm } from "../support/e2e-gateway.ts";
import { until } from "../support/e2e-until.ts";

const chatSchema = z.object({ turns: z.array(z.object({ answer: z.nullable(z.unknown()) })) });

/** Slow enough to reload a page in the middle of an answer, on a busy machine too. */
const TOKEN_DELAY_MS = 60;

let stage: BrowserStage;

beforeAll(async () => {
  stage = await startBrowserStage({ tokenDelayMs: TOKEN_DELAY_MS });
});

afterAll(async () => {
  await stage.close();
});

async function open(context?: BrowserContext, url = stage.pageUrl): Promise<Page> {
  const page = await (context ?? (await stage.browser.newContext())).newPage();
  page.setDefaultTimeout(60_000);
  await page.goto(url);
  await page.getByLabel("Question").waitFor();
  return page;
}

async function ask(page: Page, mark: string): Promise<void> {
  await page.getByLabel("Question").fill(`${mark}. ${LETTER}`);
  await page.getByRole("button", { name: "Send" }).click();
}

const answerOf = (page: Page) => page.locator("li.assistant").last();
const written = (page: Page, words = "Harbourline") => answerOf(page).filter({ hasText: words }).waitFor();
const ready = (page: Page) => page.locator("main[data-status=ready]").waitFor();
const textOf = (page: Page) => answerOf(page).innerText();

/** The backend, a viewer like the page, has the whole answer as well. */
function kept(page: Page): Promise<unknown> {
  const { hash, origin } = new URL(page.url());
  return until("the backend has kept the answer", async () => {
    const chat = await fetch(`${origin}/api/chats/${hash.slice(1)}`);
    return chatSchema.parse(await chat.json()).turns.at(-1)?.answer ?? null;
  });
}

/** While the model is still writing. */
async function inTheMiddle(page: Page, mark: string): Promise<void> {
  await answerOf(page)
    .filter({ hasText: /\S+ \S+/ })
    .waitFor();
  expect(stage.callsAbout(mark)).toMatchObject([{ finishedAtMs: null }]);
}

describe("a chat page", () => {
  it("shows an answer while it is written, and all of it in the end", async () => {
    const page = await open();
    await ask(page, "Watched");
    await inTheMiddle(page, "Watched");
    await ready(page);
    expect(await textOf(page)).toContain("Harbourline Logistics");
    expect(await page.locator("li").count()).toBe(2);
  });

  it("that is reloaded in the middle goes on, and asks the model once", async () => {
    const page = await open();
    await ask(page, "Reloaded");
    await inTheMiddle(page, "Reloaded");
    await page.reload();
    await inTheMiddle(page, "Reloaded");
    await written(page);
    await ready(page);
    const whole = await textOf(page);
    expect(stage.callsAbout("Reloaded")).toHaveLength(1);
    await kept(page);
    // Nothing is active any more: the backend says 204, and the page shows what it kept.
    const answers: number[] = [];
    page.on("response", (response) => {
      if (response.url().endsWith("/stream")) answers.push(response.status());
    });
    await page.reload();
    await written(page);
    expect(await textOf(page)).toBe(whole);
    expect(answers).toEqual([204]);
  });

  it("in a second tab shows the same answer, wherever it was opened", async () => {
    const context = await stage.browser.newContext();
    const first = await open(context);
    const early = await open(context, first.url());
    await ask(first, "Two tabs");
    await inTheMiddle(first, "Two tabs");
    const late = await open(context, first.url());
    for (const page of [first, early, late]) {
      await written(page);
      await ready(page);
    }
    const texts = await Promise.all([first, early, late].map(textOf));
    expect(new Set(texts).size).toBe(1);
    expect(stage.callsAbout("Two tabs")).toHaveLength(1);
  });

  it("that stops an answer ends the model's work, in every tab", async () => {
    // Nobody can be too late to stop what has not begun to be said.
    await arm(stage.gateway.model, { match: "Stopped", times: 1, firstTokenDelayMs: 60_000 });
    const context = await stage.browser.newContext();
    const page = await open(context);
    await ask(page, "Stopped");
    await until("the model is asked", () => stage.callsAbout("Stopped")[0]?.status === 200);
    const other = await open(context, page.url());
    await page.getByRole("button", { name: "Stop" }).click();
    await Promise.all([ready(page), ready(other)]);
    const call = await until("the model hears of it", () => {
      const [seen] = stage.callsAbout("Stopped");
      return seen?.abortedAtMs === null ? undefined : seen;
    });
    expect(call?.finishedAtMs).toBeNull();
  });

  it("whose network is lost in the middle comes back by itself and misses nothing", async () => {
    const page = await open();
    let views = 0;
    page.on("request", (request) => {
      if (request.url().includes("/stream?after=0")) views += 1;
    });
    await ask(page, "Cut off");
    await inTheMiddle(page, "Cut off");
    stage.cutNetwork();
    await written(page);
    await ready(page);
    await kept(page);
    const witness = await open(undefined, page.url());
    expect(await textOf(page)).toBe(await textOf(witness));
    expect(views).toBe(2);
    expect(stage.callsAbout("Cut off")).toHaveLength(1);
  });

  it("says so when the model breaks off, and keeps what came", async () => {
    await arm(stage.gateway.model, { match: "Severed", times: 1, cutAfterChunks: 8, cutMode: "end" });
    const page = await open();
    await ask(page, "Severed");
    await page.getByRole("alert").filter({ hasText: "could not finish" }).waitFor();
    expect(await textOf(page)).not.toBe("");
  });
});
