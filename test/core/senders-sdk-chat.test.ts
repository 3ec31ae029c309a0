/** Slack's, Discord's and Twilio's signatures, against their own packages. */
import { createHash } from "node:crypto";
import { parse, stringify } from "node:querystring";
import { isValidSlackRequest } from "@slack/bolt";
import { verifyKey } from "discord-interactions";
import * as fc from "fast-check";
import twilio from "twilio";
import { describe, expect, it, vi } from "vitest";
import { newEd25519Pair } from "../../dev/senders/webcrypto.ts";
import { jsonBodies, ourVerdict, ruined, secretTexts, signedBy, URL_GIVEN } from "./senders-support.ts";

// Big bodies many times over, on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 });

const NOW_MS = 1_790_000_000_000;
const RUNS = { numRuns: 60 };
const at = fc.nat();

describe("Slack's package", () => {
  const isAccepted = (headers: Readonly<Record<string, string>>, body: string, signingSecret: string) =>
    isValidSlackRequest({
      signingSecret,
      body,
      headers: {
        "x-slack-signature": headers["x-slack-signature"] ?? "",
        "x-slack-request-timestamp": Number(headers["x-slack-request-timestamp"]),
      },
      nowMilliseconds: NOW_MS,
    });

  it("accepts what our samples are signed with, and we refuse what it refuses", async () => {
    await fc.assert(
      fc.asyncProperty(jsonBodies(), secretTexts(), at, async (body, secret, index) => {
        const request = await signedBy("slack", body, { secret, atMs: NOW_MS });
        expect(isAccepted(request.headers, body, secret)).toBe(true);
        expect(await ourVerdict("slack", request, secret, NOW_MS)).toBe(true);
        const otherTime = { "x-slack-request-timestamp": String(NOW_MS / 1_000 - 1) };
        const forgeries = [
          { ...request, body: ruined(body, index) },
          { ...request, headers: { ...request.headers, ...otherTime } },
        ];
        for (const forged of forgeries) {
          expect(isAccepted(forged.headers, forged.body, secret)).toBe(false);
          expect(await ourVerdict("slack", forged, secret, NOW_MS)).toBe("signature_mismatch");
        }
      }),
      RUNS,
    );
  });

  it("agrees with us on how old a request may be", async () => {
    for (const ageMs of [0, 299_000, 300_000, 301_000]) {
      const request = await signedBy("slack", "{}", { secret: "secret", atMs: NOW_MS - ageMs });
      const verdict = await ourVerdict("slack", request, "secret", NOW_MS);
      expect(verdict === true).toBe(isAccepted(request.headers, "{}", "secret"));
    }
  });
});

describe("Discord's package", () => {
  it("accepts what our samples are signed with, and we refuse what it refuses", async () => {
    const { privateKey, publicKey } = await newEd25519Pair();
    const other = await newEd25519Pair();
    await fc.assert(
      fc.asyncProperty(jsonBodies(), at, async (body, index) => {
        const request = await signedBy("discord", body, { secret: privateKey, atMs: NOW_MS });
        const signature = request.headers["x-signature-ed25519"] ?? "";
        const timestamp = request.headers["x-signature-timestamp"] ?? "";
        expect(await verifyKey(body, signature, timestamp, publicKey)).toBe(true);
        expect(await ourVerdict("discord", request, publicKey, NOW_MS)).toBe(true);
        const forged = { ...request, body: ruined(body, index) };
        expect(await verifyKey(forged.body, signature, timestamp, publicKey)).toBe(false);
        expect(await ourVerdict("discord", forged, publicKey, NOW_MS)).toBe("signature_mismatch");
        expect(await verifyKey(body, signature, timestamp, other.publicKey)).toBe(false);
        expect(await ourVerdict("discord", request, other.publicKey, NOW_MS)).toBe("signature_mismatch");
      }),
      RUNS,
    );
  });
});

describe("Twilio's package", () => {
  const forms = fc.dictionary(
    fc.string({ unit: "grapheme-ascii", minLength: 1, maxLength: 20 }),
    fc.oneof(
      fc.string({ unit: "grapheme" }),
      fc.array(fc.string({ unit: "grapheme" }), { minLength: 1, maxLength: 4 }),
    ),
    { maxKeys: 12, noNullPrototype: true },
  );
  const urls = fc.constantFrom(
    "https://sluice.test/in/twilio",
    "https://sluice.test/in/twilio?foo=1&bar=2",
    "https://sluice.test:8443/in/twilio",
    "http://sluice.test/in/twilio",
  );
  const form = (headers: Readonly<Record<string, string>>) => ({
    "content-type": "application/x-www-form-urlencoded",
    ...headers,
  });
  const encode = (fields: Readonly<Record<string, string | string[]>>) =>
    new URLSearchParams(
      Object.entries(fields).flatMap(([name, value]) =>
        [value].flat().map((one): [string, string] => [name, one.toWellFormed()]),
      ),
    ).toString();
  const wellFormed = (fields: Readonly<Record<string, string | string[]>>) =>
    Object.fromEntries(
      Object.entries(fields).map(([name, value]) => [
        name,
        typeof value === "string" ? value.toWellFormed() : value.map((one) => one.toWellFormed()),
      ]),
    );

  it("signs forms that we accept, and we refuse what it refuses", async () => {
    await fc.assert(
      fc.asyncProperty(forms, urls, secretTexts(), async (fields, url, secret) => {
        const params = wellFormed(fields);
        const signature = twilio.getExpectedTwilioSignature(secret, url, params);
        const headers = form({ "x-twilio-signature": signature });
        const request = { url, body: encode(fields), headers };
        expect(await ourVerdict("twilio", request, secret, 0)).toBe(true);
        const added = { ...params, Added: "1", Body: `${String(params["Body"] ?? "")}x` };
        expect(twilio.validateRequest(secret, signature, url, added)).toBe(false);
        const forged = { ...request, body: encode(added) };
        expect(await ourVerdict("twilio", forged, secret, 0)).toBe("signature_mismatch");
        const elsewhere = { ...request, url: `${url}${url.includes("?") ? "&" : "?"}z=1` };
        expect(twilio.validateRequest(secret, signature, elsewhere.url, params)).toBe(false);
        expect(await ourVerdict("twilio", elsewhere, secret, 0)).toBe("signature_mismatch");
      }),
      RUNS,
    );
  });

  it("signs URLs with the default port, and without it, that we accept", async () => {
    const params = { From: "+15550100" };
    for (const signed of ["https://sluice.test:443/in/twilio?a=1", "https://sluice.test/in/twilio?a=1"]) {
      const signature = twilio.getExpectedTwilioSignature("secret", signed, params);
      for (const url of ["https://sluice.test/in/twilio?a=1", "https://sluice.test:443/in/twilio?a=1"]) {
        const request = { url, body: encode(params), headers: form({ "x-twilio-signature": signature }) };
        expect(await ourVerdict("twilio", request, "secret", 0)).toBe(true);
        expect(twilio.validateRequest("secret", signature, url, params)).toBe(true);
      }
    }
  });

  it("accepts spellings of a signed URL that we accept as well, as the platform shows us the URL", async () => {
    const texts = fc.string({
      unit: fc.constantFrom(...Array.from("aZ09'@\"<>()!*~+,;:/?[]{}|^`$ %=_.-äж😀")),
      maxLength: 12,
    });
    const part = fc.oneof(
      texts,
      texts.map(encodeURIComponent),
      fc.constantFrom("O'Neil", "m@x.test", "%27", "%40"),
    );
    const queries = fc.array(fc.tuple(fc.oneof(part, fc.constantFrom("a", "b", "1")), part), {
      maxLength: 5,
    });
    const origins = fc.constantFrom(
      "https://sluice.test",
      "https://sluice.test:443",
      "https://sluice.test:8443",
    );
    const escapings = fc.constantFrom(
      (url: string) => url,
      (url: string) => new URL(url).href,
      (url: string) => url.replaceAll("'", "%27"),
      (url: string) => url.replaceAll("@", "%40"),
      (url: string) => {
        const [path = "", ...query] = url.split("?");
        return query.length === 0 ? url : `${path}?${stringify(parse(query.join("?")))}`;
      },
    );
    let accepted = 0;
    await fc.assert(
      fc.asyncProperty(
        origins,
        queries,
        escapings,
        escapings,
        fc.boolean(),
        async (origin, pairs, first, second, hasPort) => {
          const query = pairs
            .map(([name, value]) => `${name}=${value}`)
            .join("&")
            .replaceAll("#", "");
          const configured = `${origin}/in/twilio${query === "" ? "" : `?${query}`}`;
          const signedUrl = second(first(hasPort ? configured : configured.replace(/:\d+\//, "/")));
          const signature = twilio.getExpectedTwilioSignature("secret", signedUrl, { From: "1" });
          const request = {
            // An HTTP request's URL, as a Worker is given it.
            url: new URL(configured).href,
            body: "From=1",
            headers: form({ "x-twilio-signature": signature }),
          };
          const seen = twilio.validateRequest("secret", signature, request.url, { From: "1" });
          // Of the configured text a request shows no more than its standard form; one or the other, not a mixture.
          const isShown = configured.replaceAll(/[^!-~]/gu, encodeURIComponent) === configured;
          const isUniform =
            !(query.includes("'") && /%27/.test(query)) && !/["<> ]|%(?:2[02]|3[ce])/i.test(query);
          const asConfigured = twilio.validateRequest("secret", signature, configured, { From: "1" });
          if (seen || (asConfigured && isShown && isUniform)) {
            accepted++;
            expect(
              await ourVerdict("twilio", request, "secret", 0),
              `${configured} signed as ${signedUrl}`,
            ).toBe(true);
          }
        },
      ),
      { numRuns: 1_000 },
    );
    expect(accepted).toBeGreaterThan(300);
  });

  it.each([
    ["https://sluice.test/in/twilio?name=O'Neil", "https://sluice.test/in/twilio?name=O'Neil"],
    ["https://sluice.test/in/twilio?name=O'Neil", "https://sluice.test/in/twilio?name=O%27Neil"],
    ["https://sluice.test/in/twilio?name=O%27Neil", "https://sluice.test/in/twilio?name=O%27Neil"],
    ["https://sluice.test/in/twilio?to=a@b.test", "https://sluice.test/in/twilio?to=a@b.test"],
    ["https://sluice.test/in/twilio?to=a@b.test", "https://sluice.test:443/in/twilio?to=a%40b.test"],
    ["https://sluice.test/in/twilio?to=a%40b.test", "https://sluice.test/in/twilio?to=a%40b.test"],
  ])("takes a request to %s that is signed as %s, as we do", async (url, signedUrl) => {
    const signature = twilio.getExpectedTwilioSignature("secret", signedUrl, { From: "1" });
    expect(twilio.validateRequest("secret", signature, url, { From: "1" })).toBe(true);
    const headers = form({ "x-twilio-signature": signature });
    const request = { url: new URL(url).href, body: "From=1", headers };
    expect(await ourVerdict("twilio", request, "secret", 0)).toBe(true);
    const other = { ...request, url: new URL(url.replace("twilio?", "twilio?x")).href };
    expect(await ourVerdict("twilio", other, "secret", 0)).toBe("signature_mismatch");
  });

  it("signs JSON through its digest in the URL, and we refuse another body as it does", async () => {
    await fc.assert(
      fc.asyncProperty(jsonBodies(), secretTexts(), at, async (body, secret, index) => {
        const url = `https://sluice.test/in/twilio?bodySHA256=${createHash("sha256").update(body).digest("hex")}`;
        const signature = twilio.getExpectedTwilioSignature(secret, url, {});
        const headers = { "content-type": "application/json", "x-twilio-signature": signature };
        expect(await ourVerdict("twilio", { url, body, headers }, secret, 0)).toBe(true);
        const forged = { url, body: ruined(body, index), headers };
        expect(twilio.validateRequestWithBody(secret, signature, url, forged.body)).toBe(false);
        expect(await ourVerdict("twilio", forged, secret, 0)).toBe("body_digest_mismatch");
        const bare = { ...forged, url: URL_GIVEN };
        expect(await ourVerdict("twilio", bare, secret, 0)).toBe("body_digest_mismatch");
      }),
      RUNS,
    );
  });
});
