/** Whatever senders, models and operators write is shown as text: on no page does it become markup. */
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import type { EventEnvelope } from "../../src/core/envelope.ts";
import { createProjection } from "../../src/ledger/projection.ts";
import { envelopeOf } from "../support/envelopes.ts";
import { DEAD, summaryFor } from "../support/summaries.ts";
import { type Visitor, visitorInside } from "./dashboard-support.ts";
import { emptyLedger } from "./ledger-support.ts";
import { end, leaseOver, OUTPUT, say, stubOf } from "./operator-support.ts";

const MARKUP = `"'><script>evil()</script><img src=x onerror=evil()></textarea></pre><a href="javascript:evil()">`;
const OURS = /^(\/dashboard|#)/;

/** What a parser, not a pattern, finds on a page that we have not put there. */
async function foreignIn(text: string): Promise<readonly string[]> {
  const found: string[] = [];
  let scripts = 0;
  const parsed = new HTMLRewriter().on("*", {
    element({ tagName, attributes }) {
      if (tagName === "script") scripts++;
      if (["img", "iframe", "object", "base", "style"].includes(tagName)) found.push(tagName);
      for (const [name = "", value = ""] of attributes) {
        const isAddress = ["href", "src", "action", "formaction"].includes(name);
        if (name.startsWith("on") || name === "style" || (isAddress && !OURS.test(value))) {
          found.push(`${tagName} ${name}=${value}`);
        }
      }
    },
  });
  await parsed.transform(new Response(text)).text();
  return scripts === 1 ? found : [...found, `${scripts} scripts`];
}

const hostile = async (key: string): Promise<EventEnvelope> => ({
  ...(await envelopeOf({
    key: `${key} ${MARKUP}`,
    customer: `hostile-${key}`,
    body: JSON.stringify({ [MARKUP]: MARKUP }),
  })),
  type: MARKUP,
  source: MARKUP,
  pipeline: MARKUP,
  partitionKey: `test:${MARKUP}`,
});

let visitor: Visitor;
let dead: EventEnvelope;
let review: EventEnvelope;

beforeAll(async () => {
  await emptyLedger();
  [dead, review] = [await hostile("dead"), await hostile("review")];
  const failure = { stage: "infer", class: "permanent", code: MARKUP, message: MARKUP } as const;
  await end(dead, (id) => ({ kind: "fail", id, failure, deliveries: [] }));
  const output = { ...OUTPUT, value: { [MARKUP]: MARKUP }, body: MARKUP, type: MARKUP, to: [MARKUP] };
  await say(review.partition, await leaseOver(review), {
    kind: "review",
    id: review.id,
    output,
    reason: MARKUP,
  });
  await stubOf(review.partition).operate({ kind: "pause", reason: MARKUP });
  const told = async (envelope: EventEnvelope, summary: Parameters<typeof summaryFor>[0]["summary"]) => ({
    ...(await summaryFor({ key: "any", receivedAtMs: Date.now(), summary: summary ?? {} })),
    id: envelope.id,
    partition: envelope.partition,
    source: MARKUP,
    type: MARKUP,
    pipeline: MARKUP,
    partitionKey: envelope.partitionKey,
    dedupeKey: MARKUP,
  });
  await createProjection(env.LEDGER, "rows").project([
    await told(dead, { ...DEAD, failure }),
    await told(review, { state: "review", reason: MARKUP }),
  ]);
  visitor = await visitorInside();
});

const encoded = encodeURIComponent(MARKUP);

describe("hostile text", () => {
  it.each<[string, () => string]>([
    ["the list of events", () => "/dashboard/events"],
    [
      "the search",
      () =>
        `/dashboard/events?customer=${encoded}&type=${encoded}&source=${encoded}&state=done&from=${encoded}&code=${encoded}`,
    ],
    ["the list of dead letters", () => "/dashboard/dead-letters"],
    ["a bulk action's words", () => `/dashboard/dead-letters?type=${encoded}`],
    ["a dead letter", () => `/dashboard/events/${dead.id}`],
    ["the payload's editor", () => `/dashboard/events/${dead.id}/payload`],
    ["the list of reviews", () => "/dashboard/reviews"],
    ["a review", () => `/dashboard/reviews/${review.id}`],
    ["a paused partition", () => `/dashboard/partitions/${review.partition}`],
  ])("is text in %s", async (_, path) => {
    const { status, text } = await visitor.get(path());
    expect(status).toBe(200);
    expect(text).toContain("&lt;script&gt;evil()");
    expect(await foreignIn(text)).toEqual([]);
  });

  it.each([
    `/dashboard/events/${encoded}`,
    `/dashboard/partitions/${encoded}`,
    `/dashboard/partitions?customer=${encoded}`,
    `/dashboard/guards?notice=${encoded}`,
    `/dashboard?range=${encoded}&notice=bulk&applied=${encoded}`,
    `/dashboard/replays/${encoded}`,
    `/dashboard/events?cursor=${encoded}`,
    `/dashboard/${encoded}`,
    `/dashboard/login?next=${encoded}&reason=${encoded}`,
  ])("in an address is not markup in the page: %s", async (path) => {
    const { status, text } = await visitor.get(path);
    expect(status).toBeLessThan(500);
    expect(text).toContain("<!doctype html>");
    expect(await foreignIn(text)).toEqual([]);
  });

  it("that was typed is shown again as text when it is not JSON", async () => {
    const path = `/dashboard/events/${dead.id}/payload`;
    const { status, text } = await visitor.submit(path, path, { json: MARKUP });
    expect(status).toBe(400);
    expect(text).toContain("This is not JSON");
    expect(text).toContain("&lt;/textarea&gt;");
    expect(await foreignIn(text)).toEqual([]);
  });
});
