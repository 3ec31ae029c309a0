/** An operator's morning, in Chromium: log in, look, open an event, replay a dead letter, decide a review. */
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LOCAL_ADMIN_TOKEN } from "../../dev/lib/local-secrets.ts";
import { launchChromium } from "../support/chromium.ts";
import {
  arm,
  effectOf,
  eventIn,
  readEvent,
  send,
  startGateway,
  type LocalGateway,
} from "../support/e2e-gateway.ts";
import { createSamples, withData } from "../support/e2e-samples.ts";
import { until } from "../support/e2e-until.ts";
import { faintTexts, namelessControls, overflow } from "../support/page-checks.ts";

const samples = createSamples(77);
const done = samples.lead();
const dead = withData(samples.lead(), { company: "Refused once" });
const review = withData(samples.media(undefined, "comment.created"), {
  text: "Doubtful remark about the weather",
});
const PATHS = ["", "/events", "/dead-letters", "/reviews", "/partitions", "/guards", "/replays"];

let browser: Browser;
let gateway: LocalGateway;
const ids = { done: "", dead: "", review: "" };

beforeAll(async () => {
  [browser, gateway] = await Promise.all([launchChromium(), startGateway({ logLevel: "error" })]);
  await arm(gateway.model, { match: "Refused once", times: 1, status: 400, code: "invalid_value" });
  await arm(gateway.model, { match: "Doubtful remark", garbage: true });
  for (const [name, sample, state] of [
    ["done", done, "done"],
    ["dead", dead, "dead"],
    ["review", review, "review"],
  ] as const) {
    ids[name] = (await send(gateway, sample)).id;
    await eventIn(gateway, ids[name], state);
  }
  // The ledger hears of it a moment later.
  await until("the ledger has all three", async () => {
    const response = await fetch(`${gateway.url}/admin/v1/events`, {
      headers: { authorization: `Bearer ${LOCAL_ADMIN_TOKEN}` },
    });
    const text = await response.text();
    return Object.values(ids).every((id) => text.includes(id));
  });
});

afterAll(async () => {
  await browser.close();
  await gateway.close();
});

interface Visit {
  readonly page: Page;
  readonly context: BrowserContext;
  /** What the browser complained of: violations of the policy above all. */
  readonly complaints: readonly string[];
}

async function visit(options: Parameters<Browser["newContext"]>[0] = {}): Promise<Visit> {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  const complaints: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("dialog", (dialog) => void dialog.accept());
  await page.goto(`${gateway.url}/dashboard`);
  await page.getByLabel("Operator token").fill(LOCAL_ADMIN_TOKEN);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Now", level: 1 }).waitFor();
  return { page, context, complaints };
}

const section = (page: Page, name: string) =>
  page.getByRole("navigation", { name: "Sections" }).getByRole("link", { name });

describe("the dashboard in Chromium", () => {
  it("shows one event with its timeline, and what was made of it", async () => {
    const { page, context, complaints } = await visit();
    await section(page, "Events").click();
    await page.getByLabel("Event id or delivery id").fill(ids.done);
    await page.getByRole("button", { name: "Search" }).click();
    await page.getByRole("heading", { name: "Timeline" }).waitFor();
    for (const text of ["model call", "delivered", "What the model said", "crm"]) {
      await page.getByText(text, { exact: true }).first().waitFor();
    }
    expect(complaints).toEqual([]);
    await context.close();
  });

  it.each(["light", "dark"] as const)(
    "can be read on a phone, in %s colours, and every control has a name",
    async (colorScheme) => {
      const { page, context } = await visit({
        viewport: { width: 360, height: 780 },
        isMobile: true,
        colorScheme,
      });
      const ground = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
      expect(ground).toBe(colorScheme === "dark" ? "rgb(18, 22, 29)" : "rgb(246, 247, 249)");
      for (const path of [...PATHS, `/events/${ids.done}`, `/events/${ids.dead}`, `/reviews/${ids.review}`]) {
        await page.goto(`${gateway.url}/dashboard${path}`);
        const seen = {
          path,
          overflow: await overflow(page),
          faint: await faintTexts(page),
          nameless: await namelessControls(page),
        };
        expect(seen).toEqual({ path, overflow: 0, faint: [], nameless: [] });
      }
      await context.close();
    },
  );

  it("replays a dead letter: it is delivered, and off the list", async () => {
    const { page, context, complaints } = await visit();
    await section(page, "Dead letters").click();
    await page.getByRole("button", { name: `Replay: ${ids.dead}` }).click();
    await page.getByRole("status").filter({ hasText: "It runs again" }).waitFor();
    await effectOf(gateway, dead);
    await until("the list is empty", async () => {
      await page.goto(`${gateway.url}/dashboard/dead-letters`);
      return page.getByText("No dead letters").isVisible();
    });
    expect(complaints).toEqual([]);
    await context.close();
  });

  it("decides a review with the keyboard alone", async () => {
    const { page, context, complaints } = await visit();
    await page.goto(`${gateway.url}/dashboard/reviews`);
    await page.keyboard.press("Tab");
    const skip = page.getByRole("link", { name: "Skip to the content" });
    expect(await skip.evaluate((link) => link === document.activeElement)).toBe(true);
    expect(await skip.evaluate((link) => getComputedStyle(link).outlineStyle)).toBe("solid");
    await page.keyboard.press("Enter");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    const approve = page.getByRole("button", { name: "Approve" });
    await approve.waitFor();
    await page.getByText("Doubtful remark").first().waitFor();
    for (let presses = 0; presses < 20; presses++) {
      if (await approve.evaluate((button) => button === document.activeElement)) break;
      await page.keyboard.press("Tab");
    }
    await page.keyboard.press("Enter");
    await page.getByRole("status").filter({ hasText: "approved" }).waitFor();
    await until("it is no longer in review", async () => {
      const event = await readEvent(gateway, ids.review);
      return event !== null && event.state !== "review";
    });
    expect(complaints).toEqual([]);
    await context.close();
  });

  it("keeps itself fresh, but not under the hands of whoever is typing", async () => {
    const { page, context } = await visit();
    await page.clock.install();
    await page.goto(`${gateway.url}/dashboard/events`);
    await page.evaluate(() => document.querySelector("#live h1")?.setAttribute("data-mark", "old"));
    const old = page.locator("h1[data-mark]");
    await page.getByLabel("Event id or delivery id").fill("typing");
    await page.clock.runFor(16_000);
    expect(await old.count()).toBe(1);
    await page.locator("main").focus();
    await page.clock.runFor(16_000);
    await old.waitFor({ state: "detached" });
    await context.close();
  });

  it("forgets whoever has logged out", async () => {
    const { page, context } = await visit();
    await page.getByRole("button", { name: "Log out" }).click();
    await page.getByLabel("Operator token").waitFor();
    await page.goto(`${gateway.url}/dashboard/events`);
    await page.getByLabel("Operator token").waitFor();
    expect(await context.cookies()).toEqual([]);
    await context.close();
  });
});
