/** GitHub's, Standard Webhooks' and Svix's signatures, against their own packages. */
import { sign, verify } from "@octokit/webhooks-methods";
import * as fc from "fast-check";
import { Webhook } from "standardwebhooks";
import { Webhook as SvixWebhook } from "svix";
import { describe, expect, it, vi } from "vitest";
import { jsonBodies, ourVerdict, ruined, secretTexts, signedBy, URL_GIVEN } from "./senders-support.ts";

// Big bodies many times over, on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 });

const RUNS = { numRuns: 60 };
const at = fc.nat();
const whsec = fc
  .uint8Array({ minLength: 24, maxLength: 64 })
  .map((bytes) => `whsec_${Buffer.from(bytes).toString("base64")}`);
const ids = fc.stringMatching(/^msg_[A-Za-z0-9]{1,40}$/);

describe("GitHub's package", () => {
  it("signs what we accept, accepts what we sign, and we refuse what it refuses", async () => {
    await fc.assert(
      fc.asyncProperty(jsonBodies(), secretTexts(), at, async (body, secret, index) => {
        const header = await sign(secret, body);
        const request = { url: URL_GIVEN, body, headers: { "x-hub-signature-256": header } };
        expect(await ourVerdict("github", request, secret, 0)).toBe(true);
        const sample = await signedBy("github", body, { secret, atMs: 0 });
        expect(await verify(secret, body, sample.headers["x-hub-signature-256"] ?? "")).toBe(true);
        const forged = { ...request, body: ruined(body, index) };
        expect(await verify(secret, forged.body, header)).toBe(false);
        expect(await ourVerdict("github", forged, secret, 0)).toBe("signature_mismatch");
      }),
      RUNS,
    );
  });
});

describe.each([
  ["standardwebhooks", (secret: string) => new Webhook(secret), "webhook"],
  ["svix", (secret: string) => new SvixWebhook(secret), "svix"],
] as const)("the package %s", (_name, open, family) => {
  it("signs what we accept, and we refuse what it refuses", async () => {
    await fc.assert(
      fc.asyncProperty(jsonBodies(), whsec, ids, at, async (body, secret, id, index) => {
        // It reads the clock itself, and takes whole seconds.
        const seconds = Math.floor(Date.now() / 1_000);
        const webhook = open(secret);
        const headers = {
          [`${family}-id`]: id,
          [`${family}-timestamp`]: String(seconds),
          [`${family}-signature`]: webhook.sign(id, new Date(seconds * 1_000), body),
        };
        const request = { url: URL_GIVEN, body, headers };
        expect(await ourVerdict("standard-webhooks", request, secret, seconds * 1_000)).toBe(true);
        const forgeries = [
          { ...request, body: ruined(body, index) },
          { ...request, headers: { ...headers, [`${family}-id`]: `${id}x` } },
          { ...request, headers: { ...headers, [`${family}-timestamp`]: String(seconds - 1) } },
        ];
        for (const forged of forgeries) {
          expect(() => webhook.verify(forged.body, forged.headers)).toThrow();
          const verdict = await ourVerdict("standard-webhooks", forged, secret, seconds * 1_000);
          expect(verdict).toBe("signature_mismatch");
        }
      }),
      RUNS,
    );
  });

  it("takes a secret without its prefix, as we do", async () => {
    await fc.assert(
      fc.asyncProperty(whsec, async (secret) => {
        const seconds = Math.floor(Date.now() / 1_000);
        const bare = secret.slice("whsec_".length);
        const headers = {
          [`${family}-id`]: "msg_1",
          [`${family}-timestamp`]: String(seconds),
          [`${family}-signature`]: open(secret).sign("msg_1", new Date(seconds * 1_000), "{}"),
        };
        expect(() => open(bare).verify("{}", headers)).not.toThrow();
        const request = { url: URL_GIVEN, body: "{}", headers };
        expect(await ourVerdict("standard-webhooks", request, bare, seconds * 1_000)).toBe(true);
      }),
      RUNS,
    );
  });

  it("finds the right signature among others that are none, as we do", async () => {
    const others = fc.array(
      fc.constantFrom("v1,!", "v1,YQ==", "v1", "v2,x", "", ",", `v1,${"A".repeat(43)}=`),
    );
    await fc.assert(
      fc.asyncProperty(whsec, others, others, async (secret, before, after) => {
        const seconds = Math.floor(Date.now() / 1_000);
        const good = open(secret).sign("msg_1", new Date(seconds * 1_000), "{}");
        const headersWith = (signature: string) => ({
          [`${family}-id`]: "msg_1",
          [`${family}-timestamp`]: String(seconds),
          [`${family}-signature`]: signature,
        });
        const headers = headersWith([...before, good, ...after].join(" "));
        expect(() => open(secret).verify("{}", headers)).not.toThrow();
        const request = { url: URL_GIVEN, body: "{}", headers };
        expect(await ourVerdict("standard-webhooks", request, secret, seconds * 1_000)).toBe(true);
        const without = headersWith([...before, "v1,x", ...after].join(" "));
        expect(() => open(secret).verify("{}", without)).toThrow();
        const verdict = await ourVerdict(
          "standard-webhooks",
          { ...request, headers: without },
          secret,
          seconds * 1_000,
        );
        expect(verdict).not.toBe(true);
      }),
      RUNS,
    );
  });

  it("accepts what our samples are signed with", async () => {
    await fc.assert(
      fc.asyncProperty(jsonBodies(), whsec, async (body, secret) => {
        const { headers } = await signedBy("standard-webhooks", body, { secret, atMs: Date.now() });
        const renamed = Object.entries(headers).map(([name, value]) => [
          name.replace(/^webhook-/, `${family}-`),
          value,
        ]);
        expect(() => open(secret).verify(body, Object.fromEntries(renamed))).not.toThrow();
      }),
      RUNS,
    );
  });
});
