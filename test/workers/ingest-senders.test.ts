import { describe, expect, it } from "vitest";
import { DAY_MS, LIMITS } from "../../src/config/limits.ts";
import type { SenderSigner, SignedRequest } from "../../dev/senders/signer.ts";
import { CATALOGUE } from "../../dev/senders/catalogue.ts";
import { NOW_MS } from "./ingest-support.ts";
import {
  SENDERS,
  send,
  senderGateway,
  signed,
  verificationOf,
  type SenderGateway,
} from "./senders-support.ts";

async function bytesOf(response: Response): Promise<string> {
  const headers = [...response.headers].filter(([name]) => name !== "traceparent");
  return JSON.stringify([response.status, headers, await response.text()]);
}

/** What every 401 looks like. */
async function refusal(gateway: SenderGateway): Promise<string> {
  const [stripe] = SENDERS;
  if (stripe === undefined) throw new Error("there are senders");
  const answer = await send(gateway, stripe, { ...(await signed(gateway, stripe)), headers: {} });
  expect(answer.status).toBe(415);
  const headers = { "content-type": "application/json" };
  return bytesOf(await send(gateway, stripe, { ...(await signed(gateway, stripe)), headers }));
}

function withHeader(request: SignedRequest, name: string, value: string | null): SignedRequest {
  const { [name]: _old, ...others } = request.headers;
  return { ...request, headers: value === null ? others : { ...others, [name]: value } };
}

/** Another letter or digit in the middle: still of the same alphabet and length. */
function altered(text: string): string {
  const at = Math.max(text.search(/[a-zA-Z0-9](?=[^a-zA-Z0-9]*$)/) - 8, Math.floor(text.length / 2));
  const character = text[at] ?? "";
  const other = /\d/.test(character) ? String((Number(character) + 1) % 10) : character === "a" ? "b" : "a";
  return `${text.slice(0, at)}${other}${text.slice(at + 1)}`;
}

/** A changed signature, wherever it stands. */
function withSignature(sender: SenderSigner, request: SignedRequest, change: (text: string) => string) {
  if (typeof sender.signature === "string") {
    return withHeader(request, sender.signature, change(request.headers[sender.signature] ?? ""));
  }
  const [, text = ""] =
    new RegExp(`"${sender.signature.body.split(".").at(-1)}":"([^"]*)"`).exec(request.body) ?? [];
  return { ...request, body: request.body.replace(`"${text}"`, JSON.stringify(change(text))) };
}

const signatureOf = (sender: SenderSigner, request: SignedRequest) =>
  typeof sender.signature === "string" ? (request.headers[sender.signature] ?? "") : "";

it("there is a signer for every sender, and a sender for every signer", () => {
  expect(SENDERS.map(({ name }) => name).sort()).toEqual(CATALOGUE.map(({ name }) => name).sort());
  expect(SENDERS).toHaveLength(41);
});

describe.each(SENDERS)("$name", (sender) => {
  const scheme = () => verificationOf(sender.name).scheme;

  it("what it sends becomes one event with its type, its id and its time; sent again it is a duplicate", async () => {
    const gateway = await senderGateway();
    for (const [at, type] of sender.types.entries()) {
      const request = await signed(gateway, sender, { type, id: `id-${at + 100}` });
      const response = await send(gateway, sender, request);
      expect([response.status, gateway.logs.at(-1)?.["reason"]]).toEqual([200, undefined]);
      const [envelope] = gateway.appended.slice(-1);
      expect(envelope).toMatchObject({ source: sender.name, type, pipeline: "everything" });
      const isTimed = scheme().orderKey !== undefined && !(sender.name === "meta" && type === "messages");
      const hasNoTime = sender.name === "discord" || sender.name === "twilio";
      expect(envelope?.orderKey !== null, "has an order key").toBe(isTimed && !hasNoTime);
      const again = await send(gateway, sender, request);
      // Dropbox says the same every time: each request is an event.
      const status = sender.name === "dropbox" ? "queued" : "duplicate";
      expect(await again.json()).toMatchObject({ status });
    }
    expect(gateway.appended).toHaveLength(2 * sender.types.length);
  });

  it("a changed, missing, empty, doubled, cut, padded or over-long signature is the same 401", async () => {
    const gateway = await senderGateway();
    const expected = await refusal(gateway);
    const request = await signed(gateway, sender);
    const changes: readonly ((text: string) => string)[] = [
      altered,
      () => "",
      (text) => `${text}, ${text}`,
      (text) => text.slice(0, -1),
      (text) => `${text}A`,
      (text) => `x${text}`,
      (text) => `${text}${"A".repeat(LIMITS.ingest.maxSignatureHeaderBytes)}`,
      () => "💣",
    ];
    for (const [at, change] of changes.entries()) {
      if (at === changes.length - 1 && typeof sender.signature === "string") continue;
      // A list of signatures may hold the right one twice; two signed times in one list are refused.
      const isList = ["standard-webhooks", "pagerduty", "paddle"].includes(sender.name);
      if (at === 2 && isList) continue;
      const response = await send(gateway, sender, withSignature(sender, request, change));
      expect(await bytesOf(response), `change ${at}: ${gateway.logs.at(-1)?.["reason"]}`).toBe(expected);
    }
    if (typeof sender.signature === "string") {
      const without = withHeader(request, sender.signature, null);
      expect(await bytesOf(await send(gateway, sender, without))).toBe(expected);
    }
    expect(gateway.appended).toEqual([]);
  });

  it("another encoding of the very signature is the same 401", async () => {
    // A token has one encoding, which is not that of its parts.
    if (["shared-secret", "jwt"].includes(scheme().algorithm) || sender.signature === "") return;
    const gateway = await senderGateway();
    const expected = await refusal(gateway);
    const request = await signed(gateway, sender);
    const respelled = withSignature(sender, request, (text) => {
      const token = /[A-Za-z0-9+/]{20,}={0,2}$/.exec(text)?.[0] ?? text;
      const bytes = /^[0-9a-f]+$/.test(token)
        ? btoa(token.replace(/../g, (pair) => String.fromCharCode(Number.parseInt(pair, 16))))
        : Array.from(atob(token), (character) => character.charCodeAt(0).toString(16).padStart(2, "0")).join(
            "",
          );
      return text.replace(token, bytes);
    });
    expect(respelled).not.toEqual(request);
    expect(await bytesOf(await send(gateway, sender, respelled))).toBe(expected);
  });

  it("a signature under another secret, or of another sender's kind, is the same 401", async () => {
    const gateway = await senderGateway();
    const expected = await refusal(gateway);
    const other = await senderGateway();
    const isKeyed = sender.key === undefined || sender.key === "standard-webhooks";
    const foreign = isKeyed
      ? {
          ...other,
          signingSecret: () => (sender.key === undefined ? "another secret" : "whsec_YW5vdGhlcg=="),
        }
      : other;
    const request = await signed(foreign, sender);
    // Both gateways of a test file share the one certificate, and the keys that are kept by their ids.
    if (!["certificate", "google", "plaid", "paypal"].includes(sender.key ?? "")) {
      expect(await bytesOf(await send(gateway, sender, request))).toBe(expected);
    }
    if (typeof sender.signature === "string") {
      const genuine = await signed(gateway, sender);
      for (const stranger of SENDERS.filter(({ signature }) => typeof signature === "string").slice(0, 6)) {
        if (stranger.name === sender.name) continue;
        const theirs = signatureOf(stranger, await signed(gateway, stranger));
        const mixed = withHeader(genuine, sender.signature, theirs);
        expect(await bytesOf(await send(gateway, sender, mixed))).toBe(expected);
      }
    }
  });

  it("every signed fact that is changed is the same 401, every unsigned one is let through", async () => {
    const gateway = await senderGateway();
    const expected = await refusal(gateway);
    const request = await signed(gateway, sender);
    const changedBody = { ...request, body: request.body.replace(/20261121|created|f99|example|1/, "7") };
    expect(changedBody.body).not.toBe(request.body);
    const answer = await send(gateway, sender, changedBody);
    if (sender.bodyUnsigned === true) expect(answer.status, "an unsigned body").toBe(200);
    else expect(await bytesOf(answer), "the body").toBe(expected);
    for (const name of sender.signedHeaders ?? []) {
      for (const value of [altered(request.headers[name] ?? ""), null]) {
        const response = await send(gateway, sender, withHeader(request, name, value));
        expect(await bytesOf(response), `${name}: ${value}`).toBe(expected);
      }
    }
    for (const name of sender.unsignedHeaders ?? []) {
      const changed = withHeader(request, name, altered(request.headers[name] ?? ""));
      expect((await send(gateway, sender, changed)).status, name).toBe(200);
    }
    const elsewhere = await send(gateway, sender, { ...request, url: `${request.url}&other=1` });
    if (sender.signsUrl === true) expect(await bytesOf(elsewhere), "the URL").toBe(expected);
    else expect(elsewhere.status, "an unsigned URL").toBe(200);
  });

  it("a signed time is held to the tolerance on both sides", async () => {
    const { toleranceMs } = scheme();
    const gateway = await senderGateway();
    const expected = await refusal(gateway);
    if (toleranceMs === undefined) {
      expect(scheme().timestamp).toBeUndefined();
      return;
    }
    for (const atMs of [NOW_MS - toleranceMs, NOW_MS + toleranceMs]) {
      expect(
        (await send(gateway, sender, await signed(gateway, sender, { atMs, id: `at-${atMs}` }))).status,
      ).toBe(200);
    }
    for (const atMs of [NOW_MS - toleranceMs - 1_000, NOW_MS + toleranceMs + 1_000]) {
      const request = await signed(gateway, sender, { atMs });
      expect(await bytesOf(await send(gateway, sender, request))).toBe(expected);
    }
  });

  it("its retries end before its ids are forgotten", () => {
    const { notes } = scheme();
    expect(notes).toBeDefined();
    expect(notes?.retryWindowMs ?? 0).toBeLessThan(LIMITS.partition.rememberIdsMs - DAY_MS);
  });
});
