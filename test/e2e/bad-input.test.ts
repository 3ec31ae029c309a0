/** What must not come in does not, what comes in broken is kept and listed, and nothing is ever a 500. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DEMO_SECRETS, forge, type Sample, type SenderName } from "../../dev/senders/sample.ts";
import { bucketOf } from "../../src/core/ids.ts";
import { signGithub, signStandardWebhooks, signStripe } from "../../dev/senders/sign.ts";
import {
  effectOf,
  effectsOf,
  eventIn,
  logText,
  nowSeconds,
  post,
  rawRequest,
  SECRET_VALUES,
  send,
  signed,
  startGateway,
  type Answer,
  type LocalGateway,
} from "../support/e2e-gateway.ts";
import { until } from "../support/e2e-until.ts";
import { exchangeRaw } from "../support/e2e-raw-socket.ts";
import { createSamples, withData, withMembers } from "../support/e2e-samples.ts";

/** In every payload this file sends; never in a log line. */
const MARKER = "marker-of-what-nobody-may-log";
const samples = createSamples(22);
const SOURCES = ["stripe", "github", "media", "leads", "documents"] as const;

let gateway: LocalGateway;
const answers: { readonly status: number }[] = [];

beforeAll(async () => {
  gateway = await startGateway({ logLevel: "debug" });
});

afterAll(async () => {
  await gateway.close();
});

type Headers = Readonly<Record<string, string>>;
type Signed = { readonly headers: Headers; readonly body: string };

function note<Noted extends { readonly status: number }>(answer: Noted): Noted {
  answers.push(answer);
  return answer;
}

async function sendTo(
  source: string,
  request: { readonly headers: Headers; readonly body: BodyInit | null },
): Promise<Answer> {
  return note(await post(gateway, source, request));
}

function sampleOf(source: SenderName): Sample {
  switch (source) {
    case "stripe":
      return withMembers(samples.stripe(), { note: MARKER });
    case "github":
      return withMembers(samples.github(), { note: MARKER });
    case "media":
      return withData(samples.media(), { text: MARKER });
    case "leads":
      return withData(samples.lead(), { message: MARKER });
    case "documents":
      return withData(samples.document(), { text: MARKER });
    default:
      return source satisfies never;
  }
}

/** Any bytes, as the source's sender would sign them. */
function signedBytes(
  source: SenderName,
  body: string | Uint8Array,
  id = `msg_${crypto.randomUUID()}`,
): Headers {
  const secret = DEMO_SECRETS[source];
  const json = { "content-type": "application/json" };
  if (source === "stripe") return { ...json, ...signStripe(body, secret, nowSeconds()) };
  if (source === "github") {
    return { ...json, "x-github-event": "issues", "x-github-delivery": id, ...signGithub(body, secret) };
  }
  return { ...json, ...signStandardWebhooks(id, body, secret, nowSeconds()) };
}

const SIGNATURE_HEADER: Readonly<Record<SenderName, string>> = {
  stripe: "stripe-signature",
  github: "x-hub-signature-256",
  media: "webhook-signature",
  leads: "webhook-signature",
  documents: "webhook-signature",
};

/** Each of these must be refused like every other. */
function forgeries(sample: Sample): readonly Signed[] {
  const good = signed(sample);
  const name = SIGNATURE_HEADER[sample.sender];
  const signature = good.headers[name] ?? "";
  const withSignature = (value: string): Signed => ({ ...good, headers: { ...good.headers, [name]: value } });
  const without = Object.fromEntries(Object.entries(good.headers).filter(([key]) => key !== name));
  const stale = [signed(sample, nowSeconds() - 600), signed(sample, nowSeconds() + 600)];
  return [
    forge(good),
    { ...good, headers: without },
    withSignature(""),
    withSignature(signature.slice(0, -4)),
    withSignature(signature.slice(0, 20)),
    withSignature(`${signature.slice(0, -9)}${signature.at(-9) === "a" ? "b" : "a"}${signature.slice(-8)}`),
    withSignature("x".repeat(8_000)),
    withSignature("v1=,t=,,=,v1"),
    { ...good, body: good.body.slice(0, -1) },
    // GitHub's header is one signature, the others' is a list; and it signs no time that could be stale.
    ...(sample.sender === "github" ? [withSignature(`${signature}, ${signature}`)] : stale),
  ];
}

describe.concurrent("a request that its sender's secret does not prove", () => {
  it("is refused with the same bytes whatever is wrong with it", async () => {
    const refused: Answer[] = [];
    for (const source of SOURCES) {
      for (const forgery of forgeries(sampleOf(source))) refused.push(await sendTo(source, forgery));
    }
    const [first] = refused;
    expect(JSON.parse(first?.text ?? "")).toEqual({
      type: "urn:sluice:problem:unauthorized",
      title: "The request could not be verified",
      status: 401,
    });
    const visible = ({ status, text, headers }: Answer) =>
      `${status} ${[...headers.keys()].sort().join()} ${text}`;
    expect(new Set(refused.map(visible))).toEqual(new Set([first === undefined ? "" : visible(first)]));
  });

  it("leaves nothing behind: the genuine one after it is new, and has its one effect", async () => {
    for (const source of ["stripe", "media", "leads", "documents"] as const) {
      const sample = sampleOf(source);
      for (const forgery of forgeries(sample))
        expect(await sendTo(source, forgery)).toHaveProperty("status", 401);
      // A strict source knows its duplicates when it answers.
      expect(note(await send(gateway, sample))).toMatchObject({ status: 200, word: "queued" });
      await effectOf(gateway, sample);
      expect(effectsOf(gateway, sample)).toHaveLength(1);
    }
  });

  it("is refused when another source's secret has signed it", async () => {
    const { body } = signed(sampleOf("leads"));
    expect(await sendTo("leads", { body, headers: signedBytes("media", body) })).toHaveProperty(
      "status",
      401,
    );
  });

  it("is refused when its signature header comes twice, or has 64 KiB", async () => {
    const { headers, body } = signed(sampleOf("stripe"));
    const signature = headers["stripe-signature"] ?? "";
    for (const sent of [[signature, signature], signature.padEnd(65_536, "0")]) {
      const path = "/in/stripe";
      const json = { "content-type": "application/json" };
      const answer = await rawRequest(gateway, {
        path,
        headers: { ...json, "stripe-signature": sent },
        body,
      });
      // The runtime may refuse such a header before the Worker sees it.
      expect([400, 401, 431]).toContain(note(answer).status);
    }
  });
});

describe.concurrent("a signed body that cannot be read", () => {
  const DEEP = `${"[".repeat(10_000)}${"]".repeat(10_000)}`;
  const bodies: readonly [string, string | Uint8Array<ArrayBuffer>, number, string][] = [
    ["empty", "", 400, "malformed-body"],
    ["not JSON", `{"type":"${MARKER}"`, 400, "malformed-body"],
    ["nested ten thousand levels deep", DEEP, 400, "malformed-body"],
    ["all structure", `[${"0,".repeat(300_000)}0]`, 400, "malformed-body"],
    ["not UTF-8", Uint8Array.from([0x7b, 0x22, 0xc3, 0x28, 0x22, 0x3a, 0x31, 0x7d]), 400, "malformed-body"],
    ["of 2 MiB", JSON.stringify({ note: MARKER, filler: "x".repeat(2_097_152) }), 413, "body-too-large"],
  ];

  it.each(bodies)("(%s) is a problem that the sender can read", async (_, body, status, code) => {
    for (const source of ["leads", "stripe"] as const) {
      const answer = await sendTo(source, { body, headers: signedBytes(source, body) });
      expect(answer.status).toBe(status);
      expect(answer.headers.get("content-type")).toBe("application/problem+json");
      expect(JSON.parse(answer.text)).toMatchObject({ status, type: `urn:sluice:problem:${code}` });
      expect(answer.text).not.toContain(MARKER);
    }
  });

  it("is refused by its media type or coding before it is looked at", async () => {
    const { headers, body } = signed(sampleOf("leads"));
    for (const wrong of [
      { "content-type": "text/plain" },
      { "content-type": "" },
      { "content-type": "application/json; charset=utf-16" },
      { "content-encoding": "gzip" },
    ]) {
      const answer = await sendTo("leads", { body, headers: { ...headers, ...wrong } });
      expect(answer.status).toBe(415);
      expect(JSON.parse(answer.text)).toMatchObject({ type: "urn:sluice:problem:unsupported-media-type" });
    }
  });
});

/** The head of a signed request, whatever its body will be. */
function headTo(source: SenderName, headers: Headers): readonly string[] {
  const all = { host: new URL(gateway.url).host, ...signed(sampleOf(source)).headers, ...headers };
  return [`POST /in/${source} HTTP/1.1`, ...Object.entries(all).map(([name, value]) => `${name}: ${value}`)];
}

describe.concurrent("a request that does not keep to the wire's own rules", () => {
  const problem = (code: string) => expect.stringContaining(`urn:sluice:problem:${code}`);

  it("stalls: 408, and its sender is not waited for", async () => {
    const answer = await exchangeRaw(gateway.url, headTo("leads", { "content-length": "1000" }), [
      '{"type":',
    ]);
    expect(note(answer).status).toBe(408);
    expect(answer.text).toContain("urn:sluice:problem:body-timeout");
  });

  it("is longer than it says: what it says is read, and that was not signed", async () => {
    const { body } = signed(sampleOf("leads"));
    const answer = await exchangeRaw(gateway.url, headTo("leads", { "content-length": "100" }), [body]);
    expect(note(answer).status).toBe(401);
  });

  it("has more headers than anybody needs: refused, and not by a server error", async () => {
    const many = Object.fromEntries(Array.from({ length: 200 }, (_, at) => [`x-filler-${at}`, "1"]));
    const answer = await exchangeRaw(gateway.url, headTo("leads", { ...many, "content-length": "0" }), []);
    expect(note(answer)).toMatchObject({ status: 431, text: problem("headers-too-large") });
  });
});

describe.concurrent("a path or a method that is not the front door's", () => {
  it("names no source, however it is written", async () => {
    const { headers, body } = signed(sampleOf("leads"));
    const names =
      "nobody LEADS %6ceads leads%20 leads%00 %00 % %E0%A4%A constructor __proto__ leads/x /leads . .. %2e%2e ..%2fleads leads/ leads// leads\\ leads\\x leads%5c leads%2f leads; //leads";
    const long = ["a".repeat(5_000), "%61".repeat(5_000), "a".repeat(30_000)];
    for (const name of [...names.split(" "), "", ...long]) {
      const answer = note(await rawRequest(gateway, { path: `/in/${name}`, headers, body }));
      expect(answer).toMatchObject({ status: 404, text: expect.stringContaining('"status":404') });
    }
  });

  it("never leads out of itself: dots end in front of the API's own door", async () => {
    const { headers, body } = signed(sampleOf("leads"));
    const answer = note(await rawRequest(gateway, { path: "/in/../v1/streams", headers, body }));
    expect([401, 404]).toContain(answer.status);
    for (const path of ["//in/leads", "/in//leads", "/IN/leads"]) {
      expect(note(await rawRequest(gateway, { path, headers, body })), path).toMatchObject({ status: 404 });
    }
  });

  it.each(["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"])(
    "%s is answered 405 and told to POST",
    async (method) => {
      const answer = note(await rawRequest(gateway, { path: "/in/leads", method }));
      expect(answer).toMatchObject({ status: 405, headers: { allow: "POST" } });
    },
  );
});

describe.concurrent("a signed payload that breaks its schema", () => {
  it("is answered 200, kept as a dead letter with the code `schema`, and never delivered", async () => {
    const sample = withMembers(samples.malformedLead(), { note: MARKER });
    const answer = note(await send(gateway, sample));
    expect(answer).toMatchObject({ status: 200, word: "quarantined" });
    const event = await eventIn(gateway, answer.id, "dead");
    expect(event).toMatchObject({
      failure: { class: "permanent", code: "schema" },
      output: null,
      deliveries: [],
    });
    expect(JSON.stringify(event)).not.toContain(MARKER);
    expect(effectsOf(gateway, sample)).toEqual([]);
    expect(note(await send(gateway, sample))).toMatchObject({ status: 200, id: answer.id });
  });

  it("holds up no other sender's customer, also where its source pauses a customer whose event died", async () => {
    const broken = withMembers(sampleOf("stripe"), { created: "yesterday" });
    const answer = note(await send(gateway, broken));
    await eventIn(gateway, answer.id, "dead");
    // Events that name no customer share the dead one's partition.
    const dispute = sameShard(broken, () => samples.stripe(samples.customer(), "charge.dispute.created"));
    const neighbour = note(await send(gateway, dispute));
    expect(neighbour.id.split("_")[2]).toBe(answer.id.split("_")[2]);
    await effectOf(gateway, dispute);
  });
});

function sameShard(as: Sample, build: () => Sample): Sample {
  const shards = 16;
  const shard = bucketOf(as.id, shards);
  for (;;) {
    const candidate = build();
    if (bucketOf(candidate.id, shards) === shard) return candidate;
  }
}

/** What is used of the R2 binding. */
interface Bucket {
  list(options: {
    readonly prefix: string;
  }): Promise<{ readonly objects: readonly { readonly size: number }[] }>;
}

describe.concurrent("a body that is unusual and right", () => {
  it.each(["documents", "stripe"] as const)(
    "is delivered by way of R2 when it is large (%s)",
    async (source) => {
      const sample = withData(
        sampleOf(source),
        source === "documents" ? { attachment: "A".repeat(400_000) } : {},
      );
      const large = source === "stripe" ? withMembers(sample, { attachment: "A".repeat(400_000) }) : sample;
      const answer = note(await send(gateway, large));
      expect(answer).toMatchObject({ status: 200, word: "queued" });
      expect(await effectOf(gateway, large)).toMatchObject({ signatureValid: true });
      const { PAYLOADS } = await gateway.harness.getWorker<{ readonly PAYLOADS: Bucket }>("sluice").getEnv();
      const { objects } = await PAYLOADS.list({ prefix: `bodies/${answer.id}/` });
      expect(objects).toHaveLength(1);
      expect(objects[0]?.size).toBeGreaterThan(400_000);
    },
  );

  it("reaches the destination as it was, whatever its letters", async () => {
    const company = "\u0000\u202e\ud800 Zoë & Söhne <script> 𝕏 '; DROP TABLE events; --";
    const sample = withData(sampleOf("leads"), { company, name: "__proto__" });
    expect(note(await send(gateway, sample))).toHaveProperty("status", 200);
    const effect = await effectOf(gateway, sample);
    expect(effect).toMatchObject({ body: { data: { contact: { company, name: "__proto__" } } } });
  });
});

// Not concurrent, so last: over everything that was sent above.
/** By itself: the local runtime's own entry may lose more than this connection when its Worker stops reading. */
describe("a body that never ends", () => {
  it("is refused at the cap, whether or not its sender stops to read that", async () => {
    const chunk = "x".repeat(65_536);
    const piece = `${chunk.length.toString(16)}\r\n${chunk}\r\n`;
    function* endless(): Generator<string> {
      for (;;) yield piece;
    }
    const head = headTo("media", { "transfer-encoding": "chunked" });
    const { status, text } = await exchangeRaw(gateway.url, head, endless());
    // A connection that is cut while its sender still writes may take the answer with it, here and inside the runtime.
    const isCut = status === 0 || text.includes("Network connection lost");
    expect(isCut ? 413 : status).toBe(413);
    const refused = /"source":"media".*"http_status":413,.*"reason":"body_too_large"/;
    await until("the endless body is refused", () => refused.test(logText(gateway)));
  });
});

describe("after all of that", () => {
  it("no answer was a server error", () => {
    expect(answers.length).toBeGreaterThan(150);
    expect(answers.filter(({ status }) => status >= 500)).toEqual([]);
  });

  it("the logs name every refusal and hold no secret, no payload and no address", () => {
    const logs = logText(gateway);
    expect(logs).toContain('"reason":"signature_mismatch"');
    expect(logs).toContain('"reason":"timestamp_too_old"');
    expect(logs).not.toContain(MARKER);
    expect(logs).not.toMatch(/@[\w.-]+\.example/);
    for (const secret of SECRET_VALUES) {
      expect(logs).not.toContain(secret);
    }
  });
});
