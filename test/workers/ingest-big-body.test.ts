import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import * as z from "zod";
import { LIMITS, MIB } from "../../src/config/limits.ts";
import { LargeBody } from "../../src/ingest/large-body.ts";
import { createBodyMemory, type BodyMemory } from "../../src/platform/body-memory.ts";
import { definePipeline, defineSource, stripe } from "../../src/index.ts";
import { SIGNERS } from "../../dev/senders/signers.ts";
import { requestOf, senderGateway, signed } from "./senders-support.ts";
import { answerSchema, wholeGateway } from "./whole-gateway.ts";
import { bytesOf, hex, post, SECRET, stripeHeader, testIngest, testPipeline } from "./ingest-support.ts";

const note = z.object({ id: z.string(), text: z.string(), tail: z.string() });
const measured = definePipeline({
  name: "measured",
  input: note,
  format: ({ input }) => ({ body: { characters: input.text.length, tail: input.tail } }),
  deliver: ["out"],
});
const sourceOptions = {
  verify: stripe({ secrets: ["STRIPE_SECRET"] }),
  events: { note },
  maxBodyBytes: LIMITS.ingest.json.maxBodyBytes,
};
const source = defineSource({ ...sourceOptions, routes: (route) => [route("note", measured)] });

function bodyOf(id: string, sizeBytes: number): string {
  const around = JSON.stringify({ id, type: "note", text: "", tail: "the end" });
  return around.replace('"text":""', `"text":"${"x".repeat(sizeBytes - around.length)}"`);
}

async function signedNow(body: string): Promise<Record<string, string>> {
  const signature = await stripeHeader(body, { seconds: Math.floor(Date.now() / 1_000) });
  return { "stripe-signature": signature, "content-type": "application/json" };
}

/** In pieces, as it comes over a wire. */
function inPieces(bytes: Uint8Array<ArrayBuffer>, pieceBytes: number): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= bytes.length) return controller.close();
      controller.enqueue(bytes.slice(at, at + pieceBytes));
      at += pieceBytes;
    },
  });
}

it("a body of 25 MiB goes all the way: verified, kept in R2 under its digest, read back, delivered", async () => {
  const gateway = wholeGateway({ sources: { big: source } }, { STRIPE_SECRET: SECRET });
  const body = bodyOf("evt_big", LIMITS.ingest.json.maxBodyBytes);
  const response = await gateway.post("big", { body, headers: await signedNow(body) });
  const { id, status } = answerSchema.parse(await response.json());
  expect([response.status, status]).toEqual([200, "queued"]);
  const digest = hex(new Uint8Array(await crypto.subtle.digest("SHA-256", bytesOf(body))));
  const stored = await env.PAYLOADS.head(`bodies/${id}/${digest}`);
  expect(stored?.size).toBe(LIMITS.ingest.json.maxBodyBytes);
  expect(JSON.stringify(gateway.queues.lanes).length).toBeLessThan(LIMITS.ingest.maxMessageBytes);
  await gateway.drain();
  expect(await gateway.event(id ?? "")).toMatchObject({ state: "done" });
  const { text } = note.parse(JSON.parse(body));
  expect(gateway.queues.delivered).toMatchObject([{ body: { characters: text.length, tail: "the end" } }]);
  const again = await gateway.post("big", { body, headers: await signedNow(body) });
  expect(answerSchema.parse(await again.json()).id).toBe(id);
  const kept = await env.PAYLOADS.list({ prefix: "bodies/" });
  expect(kept.objects).toHaveLength(1);
}, 30_000);

it("a sync route answers a large body by its pipeline: its room is taken once", async () => {
  const options = { mode: "sync", deadlineMs: 20_000, default: { characters: 0, tail: "" } } as const;
  const asked = defineSource({ ...sourceOptions, routes: (route) => [route("note", measured, options)] });
  const gateway = wholeGateway({ sources: { big: asked } }, { STRIPE_SECRET: SECRET });
  const body = bodyOf("evt_asked", LIMITS.ingest.json.maxBodyBytes);
  const response = await gateway.post("big", { body, headers: await signedNow(body) });
  const { text } = note.parse(JSON.parse(body));
  expect(await response.json()).toMatchObject({
    by: "model",
    answer: { characters: text.length, tail: "the end" },
  });
}, 30_000);

it("a forged large body leaves nothing behind", async () => {
  const gateway = wholeGateway({ sources: { big: source } }, { STRIPE_SECRET: SECRET });
  const body = bodyOf("evt_forged", 2 * MIB);
  const keys = async () => (await env.PAYLOADS.list({ prefix: "bodies/" })).objects.map(({ key }) => key);
  const before = await keys();
  const headers = await signedNow(body);
  const response = await gateway.post("big", { body: body.replace("the end", "THE END"), headers });
  expect(response.status).toBe(401);
  expect(gateway.queues.lanes).toEqual([]);
  expect(await keys()).toEqual(before);
});

const FOR_LONG_MS = 60_000;

/** Nobody holds room: else what exceeds all of it would not be let in. */
function isEmpty(memory: BodyMemory): boolean {
  const all = memory.reserve(Number.MAX_SAFE_INTEGER, FOR_LONG_MS);
  all?.release();
  return all !== null;
}

describe("reading", () => {
  afterEach(() => void vi.useRealTimers());

  it("hashes a large body on the way: its digest is not computed again", async () => {
    const digest = vi.spyOn(crypto.subtle, "digest");
    const { ingest, bodies, appended } = testIngest({
      big: defineSource({ ...sourceOptions, routes: (route) => [route("note", testPipeline("any"))] }),
    });
    const body = bodyOf("evt_1", 3 * MIB + 5);
    const request = post(inPieces(bytesOf(body), 700_001), { "stripe-signature": await stripeHeader(body) });
    expect((await ingest(request, "big")).status).toBe(200);
    const hashed = digest.mock.calls.map(([, data]) => data.byteLength).filter((bytes) => bytes > MIB);
    digest.mockRestore();
    expect(hashed).toEqual([]);
    const expected = hex(new Uint8Array(await crypto.subtle.digest("SHA-256", bytesOf(body))));
    expect(appended[0]?.body).toMatchObject({ kind: "stored", sha256: expected });
    expect([...bodies.values()]).toEqual([bytesOf(body)]);
  });

  it("large bodies that would not fit into memory together take turns, and leave their room", async () => {
    const memory = createBodyMemory(5 * MIB * LIMITS.ingest.json.liveFactor, Date.now);
    const { ingest } = testIngest({ big: source }, { bodyMemory: memory });
    const large = async (id: string) => {
      const body = bodyOf(id, 3 * MIB);
      const headers = { "stripe-signature": await stripeHeader(body), "content-length": String(body.length) };
      return (await ingest(post(inPieces(bytesOf(body), MIB), headers), "big")).status;
    };
    expect(await Promise.all([large("evt_1"), large("evt_2"), large("evt_3")])).toEqual([200, 200, 200]);
    expect(isEmpty(memory)).toBe(true);
  });

  it("a sender that leaves in the moment in which its body is let in takes no room along", async () => {
    const memory = createBodyMemory(5 * MIB, Date.now);
    const others = memory.reserve(5 * MIB, FOR_LONG_MS);
    const left = new AbortController();
    const request = new Request("https://sluice.test/in/big", { method: "POST", signal: left.signal });
    const entering = new LargeBody(memory, request, { maxBytes: 5 * MIB, liveFactor: 1 }, () => {}).enter();
    others?.release();
    // Nothing of the request has run since.
    left.abort();
    await entering;
    expect(isEmpty(memory)).toBe(true);
  });

  it("a large body that finds no room until its deadline: 503, and others have their turn", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const memory = createBodyMemory(5 * MIB, Date.now);
    const others = memory.reserve(5 * MIB, FOR_LONG_MS);
    const { ingest } = testIngest({ big: source }, { bodyMemory: memory });
    const body = bodyOf("evt_1", 3 * MIB);
    const headers = { "stripe-signature": await stripeHeader(body) };
    const answering = ingest(post(inPieces(bytesOf(body), MIB), headers), "big");
    await vi.advanceTimersByTimeAsync(LIMITS.ingest.bodyReadMs);
    const refused = await answering;
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "5"]);
    expect(await refused.json()).toMatchObject({ type: "urn:sluice:problem:busy" });
    others?.release();
    expect((await ingest(post(inPieces(bytesOf(body), MIB), headers), "big")).status).toBe(200);
  });

  it("small bodies are never counted", async () => {
    const full = createBodyMemory(1, Date.now);
    full.reserve(1, FOR_LONG_MS);
    const { ingest } = testIngest({ big: source }, { bodyMemory: full });
    const body = bodyOf("evt_1", LIMITS.ingest.countedBodyBytes);
    expect((await ingest(post(body, { "stripe-signature": await stripeHeader(body) }), "big")).status).toBe(
      200,
    );
  });
});

it.each([
  ["github", 25],
  ["gitlab", 25],
  ["shopify", 5],
  ["meta", 3],
  ["stripe", 1],
] as const)("a %s body of up to %s MiB is taken without a word in the config", async (name, maxMiB) => {
  const gateway = await senderGateway();
  const signer = SIGNERS.get(name);
  if (signer === undefined) throw new Error(`${name} can be played`);
  const sizeOf = async (bytes: number) => {
    const { body, ...request } = await signed(gateway, signer, { body: bodyOf("evt_1", bytes) });
    const answered = await gateway.ingest(requestOf({ ...request, body }), name);
    return answered.status;
  };
  expect(await sizeOf(maxMiB * MIB)).toBe(200);
  expect(await sizeOf(maxMiB * MIB + 1)).toBe(413);
});

it("a form is taken up to 10 MiB: as JSON it is in memory twice", async () => {
  const gateway = await senderGateway();
  const signer = SIGNERS.get("github");
  if (signer === undefined) throw new Error("github can be played");
  const sizeOf = async (bytes: number) => {
    const request = await signed(gateway, signer, { body: `payload=${bodyOf("evt_1", bytes - 8)}` });
    const headers = { ...request.headers, "content-type": "application/x-www-form-urlencoded" };
    return (await gateway.ingest(requestOf({ ...request, headers }), "github")).status;
  };
  expect(await sizeOf(10 * MIB)).toBe(200);
  expect(await sizeOf(10 * MIB + 1)).toBe(413);
});
