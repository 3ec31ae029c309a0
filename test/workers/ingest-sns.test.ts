import { beforeEach, describe, expect, it } from "vitest";
import { selfSignedCertificate } from "../../dev/senders/certificate.ts";
import { SNS_TOPIC } from "../../dev/senders/sign-platforms.ts";
import { SIGNERS } from "../../dev/senders/signers.ts";
import { DAY_MS, LIMITS } from "../../src/config/limits.ts";
import type { JsonObject } from "../../src/core/json.ts";
import { certificateFetcher } from "../../src/ingest/fetch-certificate.ts";
import { awsSns } from "../../src/ingest/senders/platforms.ts";
import { isSnsCertificateUrl, isSnsConfirmationUrl } from "../../src/ingest/sns-origin.ts";
import { verifyRequest } from "../../src/ingest/verify.ts";
import { NOW_MS } from "./ingest-support.ts";
import { snsCertificate } from "./senders-support.ts";

const HOST = "https://sns.eu-central-1.amazonaws.com";
/** Amazon's, but other customers': a bucket or a load balancer may be called `sns`. */
const FOREIGN_HOSTS = [
  "sns.s3-us-west-2.amazonaws.com",
  "sns.s3-external-1.amazonaws.com",
  "sns.s3.amazonaws.com",
  "sns.elb.amazonaws.com",
  "sns.s3-website-us-east-1.amazonaws.com",
  "sns.eu-central-1.elb.amazonaws.com",
  "sns.s3.eu-central-1.amazonaws.com",
  "sns.us-east-1.amazonaws.com.cn",
  "sns.cn-north-1.amazonaws.com",
  "sns.eu-central-1.amazonaws.com.",
];
/** A new one per test: certificates are kept by their URL. */
let certificateUrl = "";
let fetches = 0;

beforeEach(() => {
  certificateUrl = `${HOST}/SimpleNotificationService-${crypto.randomUUID()}.pem`;
  fetches = 0;
});

async function verdict(
  changes: JsonObject = {},
  options: {
    readonly pem?: string;
    readonly key?: string;
    readonly nowMs?: number;
    readonly after?: JsonObject;
    readonly without?: string;
  } = {},
) {
  const certificate = await snsCertificate();
  const { pem = certificate.pem, key = certificate.privateKey, nowMs = NOW_MS, after = {} } = options;
  const signer = SIGNERS.get("aws-sns");
  if (signer === undefined) throw new Error("SNS can be played");
  const facts = { id: "m-1", type: "Notification", atMs: nowMs };
  const sample = { ...(signer.sample(facts) as JsonObject), SigningCertURL: certificateUrl, ...changes }; // its sample is an object
  const body = JSON.stringify(
    Object.fromEntries(Object.entries(sample).filter(([name]) => name !== options.without)),
  );
  const parts = await signer.sign({ ...facts, body, url: "https://sluice.test/in/aws-sns", secret: key });
  const payload: JsonObject = { ...JSON.parse(parts.body ?? ""), ...after };
  const result = await verifyRequest({
    verification: awsSns({ topics: ["ANY"] }),
    secrets: ["arn:aws:sns:eu-central-1:123456789012:others", SNS_TOPIC],
    headers: new Headers(),
    method: "POST",
    url: "https://sluice.test/in/aws-sns",
    body: new Uint8Array(),
    nowMs,
    payload,
    fetchCertificate: certificateFetcher(async () => {
      fetches++;
      return new Response(pem);
    }),
  });
  return result.ok ? "proven" : result.error.reason;
}

describe("a message of Amazon SNS", () => {
  it("is proven under either version of the signature, with and without a subject", async () => {
    expect(await verdict()).toBe("proven");
    expect(await verdict({ SignatureVersion: "1" })).toBe("proven");
    expect(await verdict({}, { without: "Subject" })).toBe("proven");
    expect(await verdict({ Message: "ü😀\n\n", Subject: "Type\nNotification" })).toBe("proven");
  });

  it("is refused when any signed field was changed, added or left out", async () => {
    for (const name of ["Message", "MessageId", "Subject", "Timestamp"]) {
      const later = new Date(NOW_MS + 1_000).toISOString();
      expect(await verdict({}, { after: { [name]: name === "Timestamp" ? later : "other" } })).toBe(
        "signature_mismatch",
      );
    }
    expect(await verdict({}, { after: { Subject: null } })).toBe("signature_mismatch");
    expect(await verdict({}, { after: { SignatureVersion: "1" } })).toBe("signature_mismatch");
    expect(await verdict({}, { after: { SignatureVersion: "3" } })).toBe("signature_malformed");
    expect(await verdict({}, { after: { Type: "constructor" } })).toBe("signature_malformed");
    expect(await verdict({}, { after: { Signature: "AAAA" } })).toBe("signature_mismatch");
    expect(await verdict({}, { after: { Signature: "" } })).toBe("signature_missing");
  });

  it("of a topic that is not ours is refused, well signed as it is, and nothing is fetched for it", async () => {
    expect(await verdict({ TopicArn: "arn:aws:sns:eu-central-1:666666666666:orders" })).toBe("topic_unknown");
    expect(await verdict({ TopicArn: null })).toBe("topic_unknown");
    expect(fetches).toBe(0);
  });

  it("that names a certificate elsewhere is refused, and nothing is fetched for it", async () => {
    for (const url of [
      "http://sns.eu-central-1.amazonaws.com/x.pem",
      "https://sns.eu-central-1.amazonaws.com.evil.example/x.pem",
      "https://evil.example/sns.eu-central-1.amazonaws.com/x.pem",
      "https://sns.eu-central-1.amazonaws.com@evil.example/x.pem",
      "https://sns.eu-central-1.amazonaws.com:444/x.pem",
      "https://bucket.s3.amazonaws.com/x.pem",
      "https://sns.eu-central-1.amazonaws.com/x.txt",
      "https://sns.eu-central-1.amazonaws.com/?x.pem",
      "",
      ...FOREIGN_HOSTS.map((host) => `https://${host}/SimpleNotificationService-1.pem`),
      `${HOST}/SimpleNotificationService-1.pem?Action=GetTopicAttributes`,
      `${HOST}/SimpleNotificationService-1.pem#x`,
      `${HOST}/bucket/SimpleNotificationService-1.pem`,
      `${HOST}/SimpleNotificationService-1%2epem`,
    ]) {
      expect(await verdict({ SigningCertURL: url }), url).toBe("certificate_url_refused");
    }
    expect(fetches).toBe(0);
    for (const host of ["us-east-1", "us-gov-west-1", "ap-southeast-5", "il-central-1", "ap-northeast-3"]) {
      expect(isSnsCertificateUrl(`https://sns.${host}.amazonaws.com/SimpleNotificationService-1.pem`)).toBe(
        true,
      );
    }
    expect(
      isSnsCertificateUrl("https://sns.cn-north-1.amazonaws.com.cn/SimpleNotificationService-1.pem"),
    ).toBe(true);
  });

  it("older or newer than an hour is refused", async () => {
    for (const [offsetMs, expected] of [
      [-3_600_000, "proven"],
      [-3_600_001, "timestamp_too_old"],
      [3_600_001, "timestamp_in_future"],
    ] as const) {
      expect(await verdict({ Timestamp: new Date(NOW_MS + offsetMs).toISOString() })).toBe(expected);
    }
    expect(await verdict({ Timestamp: "now" })).toBe("timestamp_missing");
  });

  it("under another key, an expired certificate or none is refused", async () => {
    const validity = { validFromMs: NOW_MS - DAY_MS, validToMs: NOW_MS + DAY_MS };
    const other = await selfSignedCertificate({ commonName: "sns.amazonaws.com", ...validity });
    expect(await verdict({}, { key: other.privateKey })).toBe("signature_mismatch");
    certificateUrl = `${HOST}/SimpleNotificationService-other.pem`;
    expect(await verdict({}, { nowMs: NOW_MS + 2 * DAY_MS })).toBe("certificate_invalid");
    for (const pem of ["", "nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]) {
      certificateUrl = `${HOST}/SimpleNotificationService-${pem.length}.pem`;
      expect(await verdict({}, { pem })).toBe("certificate_invalid");
    }
    certificateUrl = `${HOST}/SimpleNotificationService-long.pem`;
    const pem = "x".repeat(LIMITS.ingest.maxCertificateCharacters + 1);
    expect(await verdict({}, { pem })).toBe("certificate_unavailable");
  });

  it("is refused under a certificate that names another subject, itself as its issuer, or no Amazon", async () => {
    const validity = { validFromMs: NOW_MS - DAY_MS, validToMs: NOW_MS + DAY_MS };
    const commonName = "sns.amazonaws.com";
    const fresh = () => {
      certificateUrl = `${HOST}/SimpleNotificationService-${crypto.randomUUID()}.pem`;
    };
    for (const forged of [
      { commonName: "evil.example" },
      { commonName: "sns.amazonaws.com.evil.example" },
      { commonName: "sns-signing.us-east-1.amazonaws.com" },
      { commonName, issuer: null },
      { commonName, issuer: { organization: "Evil", commonName: "Amazon RSA 2048 M01" } },
      { commonName, issuer: { organization: "Evil\nO=Amazon", commonName: "x" } },
    ]) {
      fresh();
      const { pem, privateKey } = await selfSignedCertificate({ ...forged, ...validity });
      expect(await verdict({}, { pem, key: privateKey }), JSON.stringify(forged)).toBe("certificate_invalid");
    }
    fresh();
    const regional = await selfSignedCertificate({
      commonName: "sns-signing.eu-central-1.amazonaws.com",
      ...validity,
    });
    expect(await verdict({}, { pem: regional.pem, key: regional.privateKey })).toBe("proven");
  });

  it("is refused when the certificate stands inside another text, as in an answer of the API", async () => {
    const { pem } = await snsCertificate();
    expect(await verdict({}, { pem: `<Policy>\n${pem}</Policy>` })).toBe("certificate_invalid");
  });

  it("its certificate is fetched once, and again after its time", async () => {
    for (let time = 0; time < 3; time++) expect(await verdict()).toBe("proven");
    expect(fetches).toBe(1);
    await verdict({}, { nowMs: NOW_MS + LIMITS.ingest.certificateCacheMs + 1 });
    expect(fetches).toBe(2);
  });
});

describe("the address that confirms a subscription", () => {
  const query = `Action=ConfirmSubscription&TopicArn=${SNS_TOPIC}&Token=2336412f37`;

  it("is followed for the proven topic, at a region's own host", () => {
    expect(isSnsConfirmationUrl(`${HOST}/?${query}`, SNS_TOPIC)).toBe(true);
  });

  it("is refused at another host, for another call, another topic or two of them", () => {
    for (const url of [
      ...FOREIGN_HOSTS.map((host) => `https://${host}/?${query}`),
      `${HOST}/x?${query}`,
      `${HOST}/?${query}&TopicArn=arn:aws:sns:eu-central-1:666666666666:orders`,
      `${HOST}/?${query.replace(SNS_TOPIC, "arn:aws:sns:eu-central-1:666666666666:orders")}`,
      `${HOST}/?${query.replace("ConfirmSubscription", "Unsubscribe")}`,
      `http://sns.eu-central-1.amazonaws.com/?${query}`,
    ]) {
      expect(isSnsConfirmationUrl(url, SNS_TOPIC), url).toBe(false);
    }
  });
});

describe("fetching a certificate", () => {
  it("follows nobody elsewhere, and takes no error for a certificate", async () => {
    const asked: RequestInit[] = [];
    const fetcher = (response: Response) =>
      certificateFetcher(async (_input, init) => {
        asked.push(init ?? {});
        return response;
      });
    for (const status of [302, 404, 500]) {
      await expect(fetcher(new Response("x", { status }))("https://x/")).rejects.toThrow(String(status));
    }
    expect(
      asked.every(({ redirect, signal }) => redirect === "manual" && signal instanceof AbortSignal),
    ).toBe(true);
  });
});
