/** Pings, set-up calls and kinds of events that carry no id: each is answered as its sender expects, none is refused for want of one. */
import { describe, expect, it } from "vitest";
import { SIGNERS } from "../../dev/senders/signers.ts";
import { NOW_MS, NOW_SECONDS } from "./ingest-support.ts";
import { requestOf, senderGateway, signed, type SenderGateway } from "./senders-support.ts";

const FORM = { "content-type": "application/x-www-form-urlencoded" };

interface Post {
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly atMs?: number;
}

/** Signed as the sender signs, without the headers that name its events. */
async function post(gateway: SenderGateway, name: string, { body, headers = {}, atMs = NOW_MS }: Post) {
  const signer = SIGNERS.get(name);
  if (signer === undefined) throw new Error(`no signer is called ${name}`);
  const request = await signed(gateway, signer, { body, atMs });
  const ids = /idempotency|delivery-id|webhook-id|request-uuid/;
  const kept = Object.entries(request.headers).filter(([header]) => !ids.test(header));
  const all = { ...Object.fromEntries(kept), ...headers };
  return gateway.ingest(requestOf({ ...request, headers: all }), name);
}

async function answerTo(response: Response) {
  return [response.status, await response.text()];
}

describe("pings that carry no event are answered 200 and make none", () => {
  it("WooCommerce's, which is unsigned and names its webhook", async () => {
    const gateway = await senderGateway();
    const ping = (body: string, headers: Readonly<Record<string, string>> = {}) =>
      gateway.ingest(
        new Request("https://sluice.test/in/woocommerce", {
          method: "POST",
          body,
          headers: { ...FORM, "content-length": String(body.length), ...headers },
        }),
        "woocommerce",
      );
    const charset = { "content-type": "application/x-www-form-urlencoded; charset=UTF-8" };
    expect(await answerTo(await ping("webhook_id=12"))).toEqual([200, ""]);
    expect(await answerTo(await ping("webhook_id=12", charset))).toEqual([200, ""]);
    const others = [
      "webhook_id=",
      "webhook_id=x",
      "webhook_id=12&a=1",
      "a=webhook_id=12",
      "webhook_id=12\n",
      "{}",
    ];
    for (const body of others) expect((await ping(body)).status, body).toBe(401);
    expect((await ping("webhook_id=12", { "content-type": "application/json" })).status).toBe(401);
    expect((await ping("webhook_id=12", { "x-wc-webhook-signature": "AAAA" })).status).toBe(401);
    expect((await ping(`webhook_id=${"1".repeat(40)}`)).status).toBe(401);
    expect(gateway.appended).toEqual([]);
  });

  it("Intercom's HEAD, and its signed ping without an id", async () => {
    const gateway = await senderGateway();
    const url = "https://sluice.test/in/intercom";
    expect(await answerTo(await gateway.ingest(new Request(url, { method: "HEAD" }), "intercom"))).toEqual([
      200,
      "",
    ]);
    const head = await gateway.ingest(new Request(url, { method: "HEAD" }), "stripe");
    expect([head.status, head.headers.get("allow")]).toEqual([405, "POST"]);
    const ping = {
      type: "notification_event",
      app_id: "a",
      id: null,
      topic: "ping",
      data: { item: { type: "ping", message: "something something interzen" } },
    };
    expect(await answerTo(await post(gateway, "intercom", { body: JSON.stringify(ping) }))).toEqual([
      200,
      "",
    ]);
    const forged = { "x-hub-signature": `sha1=${"0".repeat(40)}` };
    const refused = await post(gateway, "intercom", { body: JSON.stringify(ping), headers: forged });
    expect(refused.status).toBe(401);
    expect(gateway.appended).toEqual([]);
  });

  it("Slack's look at the certificate, as a GET and as a signed form", async () => {
    const gateway = await senderGateway();
    const get = (query: string) =>
      gateway.ingest(new Request(`https://sluice.test/in/slack?${query}`), "slack");
    expect(await answerTo(await get("ssl_check=1&token=t"))).toEqual([200, ""]);
    expect((await get("token=t")).status).toBe(403);
    const form = { body: "ssl_check=1&token=t", headers: FORM };
    expect(await answerTo(await post(gateway, "slack", form))).toEqual([200, ""]);
    expect(gateway.appended).toEqual([]);
  });

  it("Bitbucket Data Center's test, and not an event that somebody calls one", async () => {
    const gateway = await senderGateway();
    const headers = { "x-event-key": "diagnostics:ping" };
    expect(await answerTo(await post(gateway, "bitbucket", { body: '{"test":true}', headers }))).toEqual([
      200,
      "",
    ]);
    expect(gateway.appended).toEqual([]);
    const event = { body: '{"pullRequest":{"id":1}}', headers: { ...headers, "x-request-id": "r-1" } };
    expect((await post(gateway, "bitbucket", event)).status).toBe(200);
    expect(gateway.appended).toHaveLength(1);
  });

  it("Notion's token, when it is signed with itself", async () => {
    const gateway = await senderGateway();
    const body = JSON.stringify({ verification_token: "the secret of notion" });
    expect(await answerTo(await post(gateway, "notion", { body }))).toEqual([200, ""]);
    const forged = { "x-notion-signature": `sha256=${"0".repeat(64)}` };
    expect((await post(gateway, "notion", { body, headers: forged })).status).toBe(401);
    expect(gateway.appended).toEqual([]);
  });
});

describe("kinds without an id become events that are known by something else", () => {
  it("Slack's closed views, option menus, rate limits and commands: by their time and their bytes", async () => {
    const kinds = [
      { type: "app_rate_limited", team_id: "T1", minute_rate_limited: 1_518_467_820, api_app_id: "A1" },
      { type: "view_closed", team: { id: "T1" }, user: { id: "U1" }, view: { id: "V1" }, is_cleared: false },
      { type: "block_suggestion", user: { id: "U1" }, action_id: "a", block_id: "b", value: "sea" },
      { type: "dialog_cancellation", action_ts: "1", callback_id: "c" },
    ];
    for (const kind of kinds) {
      const body = new URLSearchParams({ payload: JSON.stringify(kind) }).toString();
      for (const request of [{ body: JSON.stringify(kind) }, { body, headers: FORM }]) {
        const gateway = await senderGateway();
        const response = await post(gateway, "slack", request);
        expect(await response.json(), kind.type).toMatchObject({ status: "queued" });
        expect(gateway.appended.at(-1)).toMatchObject({ type: kind.type });
        const again = await post(gateway, "slack", request);
        expect(await again.json(), kind.type).toMatchObject({ status: "duplicate" });
        const later = await post(gateway, "slack", { ...request, atMs: NOW_MS + 1_000 });
        expect(await later.json(), kind.type).toMatchObject({ status: "queued" });
      }
    }
  });

  it("Slack's other time is not somebody else's to give: it is signed", async () => {
    const gateway = await senderGateway();
    const body = '{"type":"view_closed"}';
    const headers = { "x-slack-request-timestamp": String(NOW_SECONDS + 1) };
    expect((await post(gateway, "slack", { body, headers })).status).toBe(401);
  });

  it.each([
    ["twilio", "CallSid=CA1&CallStatus=completed", FORM],
    ["shopify", '{"id":1}', { "x-shopify-topic": "orders/create" }],
    ["bitbucket", '{"pullRequest":{"id":1}}', { "x-request-id": "r-1", "x-event-key": "pr:opened" }],
  ] as const)("%s's without the usual header", async (name, body, headers) => {
    const gateway = await senderGateway();
    const first = await post(gateway, name, { body, headers });
    expect(await first.json()).toMatchObject({ status: "queued" });
    expect(await (await post(gateway, name, { body, headers })).json()).toMatchObject({
      status: "duplicate",
    });
  });
});
