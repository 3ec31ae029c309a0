import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { startSink, type Sink, type SinkOptions } from "../../dev/sink/server.ts";
import { signStandardWebhooks } from "../../dev/senders/sign.ts";

const SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const BODY = '{"type":"moderation.verdict","verdict":"hold"}';

const open: Sink[] = [];

async function sinkWith(options: SinkOptions = {}): Promise<Sink> {
  const sink = await startSink({ port: 0, secrets: [SECRET], ...options });
  open.push(sink);
  return sink;
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((sink) => sink.close()));
});

function deliver(sink: Sink, body: string, headers: Record<string, string>): Promise<Response> {
  return fetch(`${sink.url}/crm`, {
    method: "POST",
    body,
    headers: { "content-type": "application/json", ...headers },
  });
}

function signed(body: string, id = "evt_1"): Record<string, string> {
  return { ...signStandardWebhooks(id, body, SECRET, 1_790_000_000) };
}

function arm(sink: Sink, fault: Record<string, unknown>): Promise<Response> {
  return fetch(`${sink.url}/__control/faults`, { method: "POST", body: JSON.stringify(fault) });
}

describe("the sink", () => {
  it("writes down what a delivery said, before it answers", async () => {
    const sink = await sinkWith({ nowMs: () => 1_790_000_000_123 });
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const response = await deliver(sink, BODY, { ...signed(BODY), traceparent, "x-sluice-token": "7" });
    expect(response.status).toBe(200);
    expect(sink.records.entries()).toEqual([
      {
        id: "delivery_1",
        receivedAtMs: 1_790_000_000_123,
        path: "/crm",
        webhookId: "evt_1",
        webhookTimestamp: "1790000000",
        signatureValid: true,
        traceparent,
        sluiceHeaders: { "x-sluice-token": "7" },
        contentType: "application/json",
        bodyBytes: BODY.length,
        body: { type: "moderation.verdict", verdict: "hold" },
        status: 200,
        fault: null,
      },
    ]);
  });

  it("calls a signature invalid when body, id, time or secret differ, or when there is none", async () => {
    const sink = await sinkWith();
    await deliver(sink, `${BODY} `, signed(BODY));
    await deliver(sink, BODY, { ...signed(BODY), "webhook-id": "evt_2" });
    await deliver(sink, BODY, { ...signed(BODY), "webhook-timestamp": "1790000001" });
    await deliver(sink, BODY, {
      ...signStandardWebhooks("evt_1", BODY, `whsec_${btoa("another secret altogether")}`, 1_790_000_000),
    });
    await deliver(sink, BODY, {});
    expect(sink.records.entries().map((record) => record.signatureValid)).toEqual(
      Array.from({ length: 5 }, () => false),
    );
  });

  it("accepts one good signature among several, and the published vector", async () => {
    const sink = await sinkWith();
    await deliver(sink, BODY, {
      ...signed(BODY),
      "webhook-signature": `v1,AAAA v1a,BBBB ${signed(BODY)["webhook-signature"] ?? ""}`,
    });
    await deliver(sink, '{"test": 2432232314}', {
      "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
      "webhook-timestamp": "1614265330",
      "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    });
    expect(sink.records.entries().map((record) => record.signatureValid)).toEqual([true, true]);
  });

  it("says nothing about signatures without a secret", async () => {
    const sink = await sinkWith({ secrets: [] });
    await deliver(sink, BODY, signed(BODY));
    expect(sink.records.entries()[0]?.signatureValid).toBeNull();
  });

  it("keeps every repeat", async () => {
    const sink = await sinkWith();
    for (let sent = 0; sent < 3; sent += 1) await deliver(sink, BODY, signed(BODY));
    expect(sink.records.entries().map((record) => record.webhookId)).toEqual(["evt_1", "evt_1", "evt_1"]);
  });

  it("fails as it is told, as often as it is told, and only where it is told", async () => {
    const sink = await sinkWith();
    const armed = await arm(sink, {
      match: "verdict",
      path: "/crm",
      status: 503,
      retryAfterSeconds: 7,
      times: 1,
    });
    expect(armed.status).toBe(201);
    const other = '{"type":"crm.lead_scored"}';
    expect((await deliver(sink, other, signed(other))).status).toBe(200);
    const failed = await deliver(sink, BODY, signed(BODY));
    expect([failed.status, failed.headers.get("retry-after")]).toEqual([503, "7"]);
    expect((await deliver(sink, BODY, signed(BODY))).status).toBe(200);
    expect(sink.records.entries().map((record) => record.status)).toEqual([200, 503, 200]);
  });

  it("that hangs has the delivery and never answers, until the sender gives up", async () => {
    const sink = await sinkWith();
    await arm(sink, { hang: true });
    const sender = new AbortController();
    const delivery = fetch(`${sink.url}/crm`, { method: "POST", body: BODY, signal: sender.signal });
    const [record] = await sink.records.waitUntil((records) => records.length === 1);
    expect(record?.status).toBeNull();
    sender.abort();
    await expect(delivery).rejects.toThrow("aborted");
  });

  it("refuses a fault it does not understand", async () => {
    const sink = await sinkWith();
    expect((await arm(sink, { stauts: 503 })).status).toBe(400);
  });

  it("forgets on demand, over HTTP", async () => {
    const sink = await sinkWith();
    await deliver(sink, BODY, signed(BODY));
    const before = await (await fetch(`${sink.url}/__control/records`)).json();
    expect(before).toMatchObject({ records: [{ webhookId: "evt_1" }], dropped: 0 });
    await fetch(`${sink.url}/__control/records`, { method: "DELETE" });
    expect(await (await fetch(`${sink.url}/__control/records`)).json()).toEqual({ records: [], dropped: 0 });
  });

  it("with a record file remembers over a restart", async () => {
    const folder = mkdtempSync(join(tmpdir(), "sluice-sink-"));
    try {
      const recordFile = join(folder, "deliveries.jsonl");
      const first = await startSink({ port: 0, secrets: [SECRET], recordFile });
      await deliver(first, BODY, signed(BODY, "evt_before"));
      await first.close();
      const second = await sinkWith({ recordFile });
      await deliver(second, BODY, signed(BODY, "evt_after"));
      expect(second.records.entries().map((record) => [record.id, record.webhookId])).toEqual([
        ["delivery_1", "evt_before"],
        ["delivery_2", "evt_after"],
      ]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
