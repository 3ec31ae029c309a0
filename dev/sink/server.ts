/**
 * A destination that takes every delivery and writes it down, repeats included: whether an effect happened
 * once is for others to judge from these records. A delivery is on record before it is answered.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { CONTROL_PREFIX, handleControl } from "../lib/control-routes.ts";
import { createFaultBook, type FaultBook } from "../lib/fault-book.ts";
import {
  clientGone,
  headerOf,
  listen,
  pathOf,
  readBody,
  sendJson,
  type RunningServer,
} from "../lib/http-server.ts";
import { DEV_LIMITS } from "../lib/limits.ts";
import { createRecordBook, type RecordBook } from "../lib/record-book.ts";
import { faultMatches, sinkFaultSchema, type SinkFault } from "./faults.ts";
import { parseSinkRecord, type SinkRecord } from "./sink-record.ts";
import { isSignedBy } from "./verify.ts";

export type { SinkRecord } from "./sink-record.ts";

export interface SinkOptions {
  /** 0 takes a free port. */
  readonly port?: number;
  readonly host?: string;
  /** `whsec_…`; several while one is being replaced. */
  readonly secrets?: readonly string[];
  /** Appends every delivery to this file as a JSON line, and reads it at start. */
  readonly recordFile?: string;
  readonly nowMs?: () => number;
}

export interface Sink extends RunningServer {
  /** What `GET /__control/records` shows, for tests in the same process. */
  readonly records: RecordBook<SinkRecord>;
}

interface SinkServices {
  readonly secrets: readonly string[];
  readonly faults: FaultBook<SinkFault>;
  readonly records: RecordBook<SinkRecord>;
  readonly nowMs: () => number;
  readonly nextId: () => string;
}

export async function startSink(options: SinkOptions = {}): Promise<Sink> {
  const records = createRecordBook({ file: options.recordFile, parse: parseSinkRecord });
  let count = records.entries().length + records.dropped();
  const services: SinkServices = {
    secrets: options.secrets ?? [],
    faults: createFaultBook<SinkFault>(),
    records,
    nowMs: options.nowMs ?? Date.now,
    nextId: () => {
      count += 1;
      return `delivery_${count}`;
    },
  };
  const server = await listen((request, response) => route(request, response, services), {
    port: options.port ?? 8791,
    host: options.host ?? "127.0.0.1",
  });
  return { ...server, records };
}

async function route(
  request: IncomingMessage,
  response: ServerResponse,
  services: SinkServices,
): Promise<void> {
  const path = pathOf(request);
  const { faults, records } = services;
  if (path.startsWith(CONTROL_PREFIX)) {
    return handleControl(request, response, {
      faultSchema: sinkFaultSchema,
      faults,
      recordsName: "records",
      records,
    });
  }
  if (path === "/healthz") return sendJson(response, 200, { ok: true });
  if (request.method !== "POST") return sendJson(response, 405, { error: { message: "POST only" } });
  return take(request, response, path, services);
}

async function take(
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
  services: SinkServices,
): Promise<void> {
  const { faults, records, nowMs } = services;
  const receivedAtMs = nowMs();
  const gone = clientGone(response);
  const body = await readBody(request, DEV_LIMITS.maxBodyBytes);
  if (!body.ok) return sendJson(response, 413, { error: { message: body.error } }, { connection: "close" });
  const text = body.value.toString("utf8");
  const armed = faults.take((fault) => faultMatches(fault, path, text));
  const status = armed?.fault.hang === true ? null : (armed?.fault.status ?? 200);
  const id = services.nextId();
  records.put({
    id,
    receivedAtMs,
    path,
    webhookId: headerOf(request, "webhook-id") ?? null,
    webhookTimestamp: headerOf(request, "webhook-timestamp") ?? null,
    signatureValid: checkSignature(request, body.value, services.secrets),
    traceparent: headerOf(request, "traceparent") ?? null,
    sluiceHeaders: sluiceHeadersOf(request),
    contentType: headerOf(request, "content-type") ?? null,
    bodyBytes: body.value.length,
    body: parseBody(text),
    status,
    fault: armed?.id ?? null,
  });
  // A hanging delivery ends when the client gives up or the sink closes.
  if (status === null) return;
  const retryAfter = armed?.fault.retryAfterSeconds;
  const headers = retryAfter === undefined ? {} : { "retry-after": String(retryAfter) };
  const delayMs = armed?.fault.delayMs ?? 0;
  const stayed = delayMs === 0 || (await waitUnless(gone, delayMs));
  if (stayed) sendJson(response, status, { ok: status < 300, id }, headers);
}

/** False when the client left first. */
async function waitUnless(gone: AbortSignal, delayMs: number): Promise<boolean> {
  try {
    await sleep(delayMs, undefined, { signal: gone });
    return true;
  } catch {
    return false;
  }
}

function checkSignature(request: IncomingMessage, body: Buffer, secrets: readonly string[]): boolean | null {
  if (secrets.length === 0) return null;
  return isSignedBy(
    {
      id: headerOf(request, "webhook-id"),
      timestamp: headerOf(request, "webhook-timestamp"),
      signature: headerOf(request, "webhook-signature"),
      body,
    },
    secrets,
  );
}

function sluiceHeadersOf(request: IncomingMessage): Record<string, string> {
  const names = Object.keys(request.headers).filter((name) => name.startsWith("x-sluice-"));
  return Object.fromEntries(names.map((name) => [name, headerOf(request, name) ?? ""]));
}

function parseBody(text: string): SinkRecord["body"] {
  try {
    // JSON.parse yields JSON values and nothing else.
    return JSON.parse(text) as SinkRecord["body"];
  } catch {
    return text;
  }
}
