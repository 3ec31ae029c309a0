import { describe, expect, it } from "vitest";
import { awsSns } from "../../src/ingest/senders/platforms.ts";
import { SIGNERS } from "../../dev/senders/signers.ts";
import { SNS_TOPIC } from "../../dev/senders/sign-platforms.ts";
import { hmacBase64, hmacHex } from "../../dev/senders/webcrypto.ts";
import { NOW_MS } from "./ingest-support.ts";
import {
  META_VERIFY_TOKEN,
  requestOf,
  SENDERS,
  senderGateway,
  signed,
  type SenderGateway,
} from "./senders-support.ts";

async function post(
  gateway: SenderGateway,
  name: string,
  payload: unknown,
  headers: Record<string, string> = {},
) {
  const signer = SIGNERS.get(name);
  if (signer === undefined) throw new Error(`no signer is called ${name}`);
  const request = await signed(gateway, signer, { body: JSON.stringify(payload) });
  return gateway.ingest(requestOf({ ...request, headers: { ...request.headers, ...headers } }), name);
}

async function get(gateway: SenderGateway, name: string, query: Readonly<Record<string, string>>) {
  const url = `https://sluice.test/in/${name}?${new URLSearchParams(query).toString()}`;
  return gateway.ingest(new Request(url), name);
}

async function shown(response: Response) {
  return [response.status, response.headers.get("content-type"), await response.text()];
}

const PLAIN = "text/plain; charset=utf-8";
const JSON_TYPE = "application/json";

describe("handshakes that carry a signature", () => {
  it("Slack's challenge is answered as text, and only when it is signed", async () => {
    const gateway = await senderGateway();
    const payload = {
      type: "url_verification",
      token: "t",
      challenge: "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P",
    };
    expect(await shown(await post(gateway, "slack", payload))).toEqual([200, PLAIN, payload.challenge]);
    expect(
      (await post(gateway, "slack", payload, { "x-slack-signature": `v0=${"0".repeat(64)}` })).status,
    ).toBe(401);
    expect(gateway.appended).toEqual([]);
    expect(gateway.logs.find(({ status }) => status === "handshake")).toMatchObject({
      source: "slack",
      http_status: 200,
    });
  });

  it("Discord's pings get a pong or 204, a wrong signature 401, an event of its own is queued", async () => {
    const gateway = await senderGateway();
    expect(await shown(await post(gateway, "discord", { type: 1, id: "1" }))).toEqual([
      200,
      JSON_TYPE,
      '{"type":1}',
    ]);
    const ping = await post(gateway, "discord", { version: 1, application_id: "1", type: 0 });
    expect(await shown(ping)).toEqual([204, null, ""]);
    const wrong = { "x-signature-ed25519": "0".repeat(128) };
    expect((await post(gateway, "discord", { type: 1 }, wrong)).status).toBe(401);
    expect(gateway.appended).toEqual([]);
    const event = { type: "APPLICATION_AUTHORIZED", timestamp: new Date(NOW_MS).toISOString(), data: {} };
    expect((await post(gateway, "discord", { version: 1, application_id: "1", type: 1, event })).status).toBe(
      200,
    );
    expect(gateway.appended).toMatchObject([{ type: "APPLICATION_AUTHORIZED", orderKey: NOW_MS }]);
  });

  it("Zoom's validation is answered with the token's HMAC", async () => {
    const gateway = await senderGateway();
    const payload = { event: "endpoint.url_validation", payload: { plainToken: "qgg8vlvZRS6UYooatFL8Aw" } };
    const response = await post(gateway, "zoom", payload);
    expect(await response.json()).toEqual({
      plainToken: "qgg8vlvZRS6UYooatFL8Aw",
      encryptedToken: await hmacHex("SHA-256", "the secret of zoom", "qgg8vlvZRS6UYooatFL8Aw"),
    });
    expect((await post(gateway, "zoom", payload, { "x-zm-signature": "v0=00" })).status).toBe(401);
  });

  it("Twitch's challenge is answered as text, and its notifications are events", async () => {
    const gateway = await senderGateway();
    const verification = { "twitch-eventsub-message-type": "webhook_callback_verification" };
    const payload = {
      challenge: "pogchamp-kappa-360noscope-vohiyo",
      subscription: { type: "channel.follow" },
    };
    expect(await shown(await post(gateway, "twitch", payload, verification))).toEqual([
      200,
      PLAIN,
      payload.challenge,
    ]);
    const forged = { ...verification, "twitch-eventsub-message-id": "another" };
    expect((await post(gateway, "twitch", payload, forged)).status).toBe(401);
  });

  it("SNS subscriptions are confirmed at Amazon's own host alone, and never without a signature", async () => {
    const asked: string[] = [];
    const amazon: typeof fetch = async (input) => {
      asked.push(new Request(input).url);
      return new Response("<ConfirmSubscriptionResponse/>");
    };
    const confirmation = (SubscribeURL: string) => ({
      Type: "SubscriptionConfirmation",
      MessageId: "m-1",
      Token: "2336412f37",
      TopicArn: SNS_TOPIC,
      Message: "You have chosen to subscribe",
      SubscribeURL,
      Timestamp: new Date(NOW_MS).toISOString(),
    });
    const own = `https://sns.eu-central-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=${SNS_TOPIC}&Token=2336412f37`;
    // The certificate is fetched first, and stays.
    const warm = await senderGateway();
    expect((await post(warm, "aws-sns", confirmation(own))).status).toBe(503);
    const gateway = await senderGateway({}, amazon);
    expect(await shown(await post(gateway, "aws-sns", confirmation(own)))).toEqual([200, PLAIN, "confirmed"]);
    expect(asked).toEqual([own]);
    for (const url of [
      "https://sns.eu-central-1.amazonaws.com.evil.example/",
      "http://sns.eu-central-1.amazonaws.com/",
      "https://sns.eu-central-1.amazonaws.com:8443/",
      "https://user@sns.eu-central-1.amazonaws.com/",
      "https://evil.example/sns.eu-central-1.amazonaws.com",
      "",
    ]) {
      expect((await post(gateway, "aws-sns", confirmation(url))).status).toBe(403);
    }
    expect(asked).toEqual([own]);
    const careful = await senderGateway(
      { "aws-sns": awsSns({ topics: ["AWS_SNS_SECRET"], confirmSubscriptions: false }) },
      amazon,
    );
    expect((await post(careful, "aws-sns", confirmation(own))).status).toBe(200);
    expect(careful.appended).toMatchObject([{ type: "SubscriptionConfirmation" }]);
    expect(asked).toEqual([own]);
  });
});

describe("handshakes without a signature", () => {
  it("Meta's challenge is answered for the right verify token, and refused for any other", async () => {
    const gateway = await senderGateway();
    const query = {
      "hub.mode": "subscribe",
      "hub.verify_token": META_VERIFY_TOKEN,
      "hub.challenge": "1158201444",
    };
    expect(await shown(await get(gateway, "meta", query))).toEqual([200, PLAIN, "1158201444"]);
    for (const wrong of [
      { ...query, "hub.verify_token": "" },
      { ...query, "hub.verify_token": `${META_VERIFY_TOKEN}x` },
      { ...query, "hub.mode": "unsubscribe" },
      { ...query, "hub.challenge": "" },
      {},
    ]) {
      expect((await get(gateway, "meta", wrong)).status).toBe(403);
    }
  });

  it("X's token is answered with its HMAC, and a token that could be an event's body never is", async () => {
    const gateway = await senderGateway();
    const response = await get(gateway, "x", { crc_token: "MDAwMDAwMDAwMA-x_y" });
    const digest = await hmacBase64("SHA-256", "the secret of x", "MDAwMDAwMDAwMA-x_y");
    expect(await response.json()).toEqual({ response_token: `sha256=${digest}` });
    for (const token of [
      '{"tweet_create_events":[]}',
      "[1]",
      '"text"',
      "123",
      "true",
      "null",
      " 1 ",
      "",
      "x".repeat(5_000),
    ]) {
      expect((await get(gateway, "x", { crc_token: token })).status, token).toBe(403);
    }
    // What it does sign is no body either: forms are not taken.
    const headers = {
      "content-type": "application/x-www-form-urlencoded",
      "x-twitter-webhooks-signature": `sha256=${digest}`,
    };
    const form = requestOf({ url: "https://sluice.test/in/x", headers, body: "MDAwMDAwMDAwMA-x_y" });
    expect((await gateway.ingest(form, "x")).status).toBe(415);
    const json = requestOf({
      url: "https://sluice.test/in/x",
      headers: { ...headers, "content-type": "application/json" },
      body: "MDAwMDAwMDAwMA-x_y",
    });
    expect((await gateway.ingest(json, "x")).status).toBe(400);
  });

  it("Dropbox's challenge and Graph's token are echoed as text that no browser takes for a page", async () => {
    const gateway = await senderGateway();
    const text = "<script>alert(1)</script>";
    const dropbox = await get(gateway, "dropbox", { challenge: text });
    const url = `https://sluice.test/in/microsoft-graph?validationToken=${encodeURIComponent(text)}`;
    const graph = await gateway.ingest(new Request(url, { method: "POST" }), "microsoft-graph");
    for (const response of [dropbox, graph]) {
      expect(response.headers.get("x-content-type-options")).toBe("nosniff");
      expect(await shown(response)).toEqual([200, PLAIN, text]);
    }
    expect((await get(gateway, "dropbox", {})).status).toBe(403);
    expect((await get(gateway, "dropbox", { challenge: "x".repeat(5_000) })).status).toBe(403);
  });

  it("Asana's secret is echoed in its header, and a signed request is no handshake", async () => {
    const gateway = await senderGateway();
    const secret = "b537207f20cbfa02357cf448134da559e8bd39d61597dcd5631b8012eae53e81";
    const bare = new Request("https://sluice.test/in/asana", {
      method: "POST",
      headers: { "x-hook-secret": secret },
    });
    const response = await gateway.ingest(bare, "asana");
    expect([response.status, response.headers.get("x-hook-secret"), await response.text()]).toEqual([
      200,
      secret,
      "",
    ]);
    const payload = { events: [{ action: "changed", resource: { gid: "1", resource_type: "task" } }] };
    const event = await post(gateway, "asana", payload, { "x-hook-secret": secret });
    expect([event.status, event.headers.get("x-hook-secret")]).toEqual([200, null]);
    expect(gateway.appended).toHaveLength(1);
  });

  it("a GET is taken only from senders whose handshake is one", async () => {
    const gateway = await senderGateway();
    const taken: string[] = [];
    for (const { name } of SENDERS) {
      const response = await get(gateway, name, {});
      if (response.status === 405) expect(response.headers.get("allow")).toMatch(/^(HEAD, )?POST$/);
      else taken.push(name);
    }
    expect(taken.sort()).toEqual(["dropbox", "meta", "slack", "x"]);
    const put = new Request("https://sluice.test/in/meta", { method: "PUT" });
    expect((await gateway.ingest(put, "meta")).headers.get("allow")).toBe("GET, POST");
  });

  it("none is queued", async () => {
    const gateway = await senderGateway();
    await get(gateway, "dropbox", { challenge: "c" });
    await get(gateway, "x", { crc_token: "c" });
    expect(gateway.appended).toEqual([]);
  });
});
