/**
 * The embedded model server: the APIs of OpenAI, Anthropic and Google over an embedded NLP model, so that everything in front of it
 * can be run, tested and shown without an account. A stand-in, and called one; it writes nothing itself.
 */
import { timingSafeEqual } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { CONTROL_PREFIX, handleControl } from "../lib/control-routes.ts";
import { createFaultBook } from "../lib/fault-book.ts";
import { listen, pathOf, sendJson, type RunningServer } from "../lib/http-server.ts";
import { createRecordBook, type RecordBook } from "../lib/record-book.ts";
import { sendError, unknownUrl, wrongKey } from "./api-error.ts";
import { parseModelCall, type ModelCall } from "./call-record.ts";
import { anthropicDialect } from "./anthropic/dialect.ts";
import type { Dialect } from "./dialect.ts";
import { handleModelCall, type ModelServices } from "./exchange.ts";
import { modelFaultSchema, type ModelFault } from "./faults.ts";
import { geminiDialect } from "./gemini/dialect.ts";
import { isGeminiPath } from "./gemini/request.ts";
import { openaiDialect } from "./openai/dialect.ts";
import { resolveOptions, type ModelServerOptions, type ResolvedOptions } from "./options.ts";
import { createRateLimiter } from "./rate-limit.ts";

export type { ModelCall } from "./call-record.ts";
export type { ModelServerOptions } from "./options.ts";

export interface ModelServer extends RunningServer {
  /** What `GET /__control/calls` shows, for tests in the same process. */
  readonly calls: RecordBook<ModelCall>;
}

export async function startModelServer(given: ModelServerOptions = {}): Promise<ModelServer> {
  const options = resolveOptions(given);
  const services: ModelServices = {
    options,
    limiter: createRateLimiter(options, options.nowMs()),
    faults: createFaultBook<ModelFault>(),
    calls: createRecordBook({ file: options.recordFile, parse: parseModelCall }),
  };
  const server = await listen((request, response) => route(request, response, services), options);
  return { ...server, calls: services.calls };
}

async function route(
  request: IncomingMessage,
  response: ServerResponse,
  services: ModelServices,
): Promise<void> {
  const path = pathOf(request);
  if (path.startsWith(CONTROL_PREFIX)) {
    const { faults, calls: records } = services;
    return handleControl(request, response, {
      faultSchema: modelFaultSchema,
      faults,
      recordsName: "calls",
      records,
    });
  }
  if (path === "/healthz") return sendJson(response, 200, { ok: true, standIn: true, engine: "wink-nlp" });
  const dialect = dialectOf(path);
  if (!hasKey(dialect.keyOf(request), services.options)) return sendError(response, dialect, wrongKey());
  if (`${request.method} ${path}` === "GET /v1/models") {
    const data = services.options.models.map((id) => toModel(id));
    return sendJson(response, 200, { object: "list", data });
  }
  if (request.method === "POST" && (CALL_PATHS.has(path) || isGeminiPath(path))) {
    return handleModelCall(dialect, request, response, services);
  }
  return sendError(response, dialect, unknownUrl(request.method ?? "", path));
}

const ANTHROPIC_PATH = "/v1/messages";
const CALL_PATHS: ReadonlySet<string> = new Set(["/v1/chat/completions", ANTHROPIC_PATH]);

function dialectOf(path: string): Dialect {
  if (path === ANTHROPIC_PATH) return anthropicDialect;
  return isGeminiPath(path) ? geminiDialect : openaiDialect;
}

function hasKey(key: string | undefined, options: ResolvedOptions): boolean {
  if (options.apiKey === null) return true;
  const given = Buffer.from(key ?? "");
  const wanted = Buffer.from(options.apiKey);
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

function toModel(id: string): Record<string, unknown> {
  return { id, object: "model", created: 0, owned_by: "sluice" };
}
