/** Signatures that senders publish in their documentation, and those of their own open-source packages. */
import { describe, expect, it } from "vitest";
import type { SignedRequest } from "../../dev/senders/signer.ts";
import { ourVerdict, URL_GIVEN } from "./senders-support.ts";

interface Vector {
  readonly sender: string;
  readonly source: string;
  readonly secret: string;
  readonly nowMs: number;
  readonly request: SignedRequest;
}

const VECTORS: readonly Vector[] = [
  {
    sender: "github",
    source: "https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries",
    secret: "It's a Secret to Everybody",
    nowMs: 0,
    request: {
      url: URL_GIVEN,
      body: "Hello, World!",
      headers: {
        "x-hub-signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
      },
    },
  },
  {
    sender: "bitbucket",
    source: "https://support.atlassian.com/bitbucket-cloud/docs/manage-webhooks/#Secure-webhooks",
    secret: "It's a Secret to Everybody",
    nowMs: 0,
    request: {
      url: URL_GIVEN,
      body: "Hello World!",
      headers: {
        "x-hub-signature": "sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9",
      },
    },
  },
  {
    sender: "slack",
    source: "https://docs.slack.dev/authentication/verifying-requests-from-slack",
    secret: "8f742231b10e8888abcd99yyyzzz85a5",
    nowMs: 1_531_420_618_000,
    request: {
      url: URL_GIVEN,
      body:
        "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V" +
        "&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=" +
        "&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN" +
        "&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c",
      headers: {
        "x-slack-request-timestamp": "1531420618",
        "x-slack-signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
      },
    },
  },
  {
    sender: "twilio",
    source: "https://www.twilio.com/docs/usage/security",
    secret: "12345",
    nowMs: 0,
    request: {
      url: "https://mycompany.com/myapp.php?foo=1&bar=2",
      body: "CallSid=CA1234567890ABCDE&Caller=%2B14158675309&Digits=1234&From=%2B14158675309&To=%2B18005551212",
      headers: {
        "content-type": "application/x-www-form-urlencoded",
        "x-twilio-signature": "RSOYDt4T1cUTdK1PDd93/VVr8B8=",
      },
    },
  },
  {
    sender: "standard-webhooks",
    source: "https://github.com/standard-webhooks/standard-webhooks",
    secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    nowMs: 1_614_265_330_000,
    request: {
      url: URL_GIVEN,
      body: '{"test": 2432232314}',
      headers: {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
      },
    },
  },
  {
    sender: "line",
    source: "https://github.com/line/line-bot-sdk-nodejs (test of validateSignature)",
    secret: "test_secret",
    nowMs: 0,
    request: {
      url: URL_GIVEN,
      body: '{"hello":"world"}',
      headers: { "x-line-signature": "t7Hn4ZDHqs6e+wdvI5TyQIvzie0DmMUmuXEBqyyE/tM=" },
    },
  },
];

describe("published signatures", () => {
  it.each(VECTORS)("of $sender are accepted, and not for another body or secret", async (vector) => {
    const { sender, request, secret, nowMs } = vector;
    expect(await ourVerdict(sender, request, secret, nowMs)).toBe(true);
    const forged = { ...request, body: `${request.body.slice(0, -1)}~` };
    expect(await ourVerdict(sender, forged, secret, nowMs)).toBe("signature_mismatch");
    const otherSecret = sender === "standard-webhooks" ? `whsec_${btoa("another")}` : `${secret}x`;
    expect(await ourVerdict(sender, request, otherSecret, nowMs)).toBe("signature_mismatch");
  });
});
