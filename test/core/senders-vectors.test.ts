/**
 * Signatures that senders publish in their documentation, those of their own open-source packages, and ours that somebody
 * else's code has taken: made without our engine, and given to that code once.
 */
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
    sender: "twitch",
    source:
      "https://github.com/twitch-rs/twitch_api (test of verify_payload), made with Twitch's own command line tool",
    secret: "secretabcd",
    nowMs: Date.UTC(2021, 1, 19, 23, 47),
    request: {
      url: URL_GIVEN,
      body:
        '{"subscription":{"id":"ae2ff348-e102-16be-a3eb-6830c1bf38d2","status":"enabled","type":"channel.follow",' +
        '"version":"1","condition":{"broadcaster_user_id":"44429626"},"transport":{"method":"webhook",' +
        '"callback":"null"},"created_at":"2021-02-19T23:47:00.7621315Z"},"event":{"user_id":"28408015",' +
        '"user_login":"testFromUser","user_name":"testFromUser","broadcaster_user_id":"44429626",' +
        '"broadcaster_user_login":"44429626","broadcaster_user_name":"testBroadcaster"}}',
      headers: {
        "twitch-eventsub-message-id": "ae2ff348-e102-16be-a3eb-6830c1bf38d2",
        "twitch-eventsub-message-timestamp": "2021-02-19T23:47:00.8091512Z",
        "twitch-eventsub-message-signature":
          "sha256=d10f5bd9474b7ac7bd7105eb79c2d52768b4d0cd2a135982c3bf5a1d59a78823",
      },
    },
  },
  {
    sender: "pagerduty",
    source: "https://github.com/PagerDuty/go-pagerduty (test of webhookv3.VerifySignature)",
    secret: "lDQHScfUeXUKaQRNF+8XIiDKZ7XX3itBAYzwU0TARw8lJqRnkKl2iB1anSb0Z+IK",
    nowMs: 0,
    request: {
      url: URL_GIVEN,
      body:
        '{"event":{"id":"01BWDWL3NYY7LUFPZCC28QUCMK","event_type":"incident.priority_updated","resource_type"' +
        ':"incident","occurred_at":"2021-04-26T17:36:27.458Z","agent":{"html_url":"https://acme.pagerduty.com' +
        '/users/PLH1HKV","id":"PLH1HKV","self":"https://api.pagerduty.com/users/PLH1HKV","summary":"Tenex Eng' +
        'ineer","type":"user_reference"},"client":null,"data":{"id":"PGR0VU2","type":"incident","self":"https' +
        '://api.pagerduty.com/incidents/PGR0VU2","html_url":"https://acme.pagerduty.com/incidents/PGR0VU2","n' +
        'umber":2,"status":"triggered","title":"A little bump in the road","service":{"html_url":"https://acm' +
        'e.pagerduty.com/services/PF9KMXH","id":"PF9KMXH","self":"https://api.pagerduty.com/services/PF9KMXH"' +
        ',"summary":"API Service","type":"service_reference"},"assignees":[{"html_url":"https://acme.pagerdut' +
        'y.com/users/PTUXL6G","id":"PTUXL6G","self":"https://api.pagerduty.com/users/PTUXL6G","summary":"User' +
        ' 123","type":"user_reference"}],"escalation_policy":{"html_url":"https://acme.pagerduty.com/escalati' +
        'on_policies/PUS0KTE","id":"PUS0KTE","self":"https://api.pagerduty.com/escalation_policies/PUS0KTE","' +
        'summary":"Default","type":"escalation_policy_reference"},"teams":[{"html_url":"https://acme.pagerdut' +
        'y.com/teams/PFCVPS0","id":"PFCVPS0","self":"https://api.pagerduty.com/teams/PFCVPS0","summary":"Engi' +
        'neering","type":"team_reference"}],"priority":{"html_url":"https://acme.pagerduty.com/account/incide' +
        'nt_priorities","id":"PSO75BM","self":"https://api.pagerduty.com/priorities/PSO75BM","summary":"P1","' +
        'type":"priority_reference"},"urgency":"high","conference_bridge":{"conference_number":1000,"conferen' +
        'ce_url":"https://example.com"},"resolve_reason":null}}}',
      headers: {
        "x-pagerduty-signature": "v1=0c0b9495b893a39e70d1fea2fe11fbe0a825f88b9f67846f6cc07dd2bc5476cd",
      },
    },
  },
  {
    sender: "notion",
    source: "https://developers.notion.com/reference/webhooks",
    secret: "secret_tMrlL1qK5vuQAh1b6cZGhFChZTSYJlce98V0pYn7yBl",
    nowMs: 0,
    request: {
      url: URL_GIVEN,
      body: '{"verification_token":"secret_tMrlL1qK5vuQAh1b6cZGhFChZTSYJlce98V0pYn7yBl"}',
      headers: {
        "x-notion-signature": "sha256=461e8cbcba8a75c3edd866f0e71280f5a85cbf21eff040ebd10fe266df38a735",
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
  {
    sender: "zoom",
    source: "taken by Zoom's own @zoom/rivet 0.4.0, which refuses it for another body",
    secret: "zoom secret token of a vector",
    nowMs: 1_658_940_994_000,
    request: {
      url: URL_GIVEN,
      body:
        '{"event":"meeting.started","event_ts":1626230691572,"payload":{"account_id":"AAAAAABBBB","object":' +
        '{"id":"1234567890","topic":"Réunion – 会議","host_id":"x1yCzABCDEfg23HiJKl4mN"}}}',
      headers: {
        "x-zm-request-timestamp": "1658940994",
        "x-zm-signature": "v0=57b77a5e38f34d29200b648f1d5fa7626417472ec94a843b81bad646e72df602",
      },
    },
  },
  {
    sender: "hubspot",
    source: "signed by HubSpot's own @hubspot/api-client 14.0.1",
    secret: "a HubSpot client secret",
    nowMs: 1_700_000_000_000,
    request: {
      url: "https://example.com/hooks/hubspot",
      body:
        '[{"eventId":100,"subscriptionId":11,"occurredAt":1700000000000,"subscriptionType":"contact.creation",' +
        '"objectId":123}]',
      headers: {
        "x-hubspot-request-timestamp": "1700000000000",
        "x-hubspot-signature-v3": "maC3ayerUqWoRYltQx05WHOKhtketi0TA0pWIHG/ITk=",
      },
    },
  },
  {
    sender: "hubspot",
    source: "signed by HubSpot's own @hubspot/api-client 14.0.1",
    secret: "zweites Geheimnis",
    nowMs: 1_700_000_123_456,
    request: {
      url: "https://example.com/hooks/hubspot?tenant=1&region=eu",
      body: '[{"eventId":101,"propertyName":"city","propertyValue":"Köln 東京 😀"}]',
      headers: {
        "x-hubspot-request-timestamp": "1700000123456",
        "x-hubspot-signature-v3": "T/tMrwlvxCRSENofDEvSlhu5SHaYpHA+1LJlU2QJfEA=",
      },
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

  it("of Mailgun, which stand in the body, are accepted as mailgun-js 0.22.0 accepts them, and for no other token", async () => {
    // Timestamp and token are those of Mailgun's documentation, which does not say with what key it signed them.
    const key = "key-3ax6xnjp29jd6fds4gc373sgvjxteol0";
    const signature = {
      timestamp: "1529006854",
      token: "a8ce0edb2dd8301dee6c2405235584e45aa91d1e9f979f3de0",
      signature: "b63c0701c4f4b614f272106a1b367c5c3369bcdca664ae73ebd52787e45eef07",
    };
    const requestWith = (changed: Partial<typeof signature>): SignedRequest => ({
      url: URL_GIVEN,
      body: JSON.stringify({ signature: { ...signature, ...changed }, "event-data": { event: "opened" } }),
      headers: {},
    });
    const nowMs = 1_529_006_859_000;
    expect(await ourVerdict("mailgun", requestWith({}), key, nowMs)).toBe(true);
    for (const changed of [{ token: `${signature.token}x` }, { timestamp: "1529006855" }]) {
      expect(await ourVerdict("mailgun", requestWith(changed), key, nowMs)).toBe("signature_mismatch");
    }
    expect(await ourVerdict("mailgun", requestWith({}), `${key}x`, nowMs)).toBe("signature_mismatch");
  });
});
