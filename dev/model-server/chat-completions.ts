/** `POST /v1/chat/completions`: limits, faults, the answer, and a record of each call whatever became of it. */
import { randomUUID } from "node:crypto";
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { FaultBook } from "../lib/fault-book.ts";
import { clientGone, readBody, sendJson } from "../lib/http-server.ts";
import { DEV_LIMITS } from "../lib/limits.ts";
import type { RecordBook } from "../lib/record-book.ts";
import { answerChat, type Answer } from "./answer.ts";
import { badRequest, bodyTooLarge, modelNotFound, sendError, type ApiError } from "./api-error.ts";
import { beginCall, type CallLog, type ModelCall } from "./call-record.ts";
import { parseChatRequest, type ChatRequest } from "./chat-request.ts";
import { streamCompletion } from "./completion-stream.ts";
import { completionBody, usageOf, type CompletionHead } from "./completion-wire.ts";
import { errorOfFault, faultMatches, type ModelFault } from "./faults.ts";
import { countTokens } from "./nlp.ts";
import type { ResolvedOptions } from "./options.ts";
import type { RateLimiter } from "./rate-limit.ts";

const CONTEXT_TOKENS = 128_000;
/** Reserved for an answer whose length the request does not bound. */
const DEFAULT_OUTPUT_TOKENS = 256;

export interface ModelServices {
  readonly options: ResolvedOptions;
  readonly limiter: RateLimiter;
  readonly faults: FaultBook<ModelFault>;
  readonly calls: RecordBook<ModelCall>;
}

interface Exchange {
  readonly request: ChatRequest;
  readonly response: ServerResponse;
  readonly log: CallLog;
  readonly head: CompletionHead;
  readonly promptTokens: number;
  readonly signal: AbortSignal;
  /** Counts up while the answer is produced. */
  readonly progress: { completionTokens: number };
  readonly headers: () => OutgoingHttpHeaders;
}

export async function handleChatCompletions(
  incoming: IncomingMessage,
  response: ServerResponse,
  services: ModelServices,
): Promise<void> {
  const { nowMs, models } = services.options;
  const atMs = nowMs();
  const id = randomUUID();
  const signal = clientGone(response);
  const headers = (): OutgoingHttpHeaders => ({
    "x-request-id": `req_${id}`,
    "openai-processing-ms": String(nowMs() - atMs),
    ...services.limiter.headers(nowMs()),
  });
  const body = await readBody(incoming, DEV_LIMITS.maxBodyBytes);
  if (!body.ok) return sendError(response, bodyTooLarge(), { ...headers(), connection: "close" });
  const parsed = parseChatRequest(body.value.toString("utf8"));
  const about = parsed.ok ? parsed.value : { model: "", stream: false, messages: [] };
  const log = beginCall(services.calls, { id: `call_${id}`, atMs, ...pickAbout(about) });
  const progress = { completionTokens: 0 };
  const onAbort = (): void => log.update({ abortedAtMs: nowMs(), ...progress });
  signal.addEventListener("abort", onAbort, { once: true });
  const refuse = (error: ApiError): void => {
    log.update({ status: error.status, finishedAtMs: nowMs() });
    sendError(response, error, headers());
  };
  if (!parsed.ok) return refuse(parsed.error);
  const request = parsed.value;
  if (!models.includes(request.model)) return refuse(modelNotFound(request.model));
  const promptTokens = request.messages.reduce((sum, message) => sum + countTokens(message.text), 0);
  log.update({ promptTokens });
  if (promptTokens > CONTEXT_TOKENS) return refuse(contextExceeded(promptTokens));

  const reserved = promptTokens + (request.maxOutputTokens ?? DEFAULT_OUTPUT_TOKENS);
  const admission = services.limiter.admit(reserved, nowMs());
  if (!admission.admitted)
    return refuse(limitExceeded(request.model, admission.limit, admission.retryAfterMs));
  const head: CompletionHead = {
    id: `chatcmpl-${id}`,
    model: request.model,
    createdSeconds: Math.floor(atMs / 1_000),
  };
  const usedTokens = await exchange(
    { request, response, log, head, promptTokens, signal, headers, progress },
    services,
    refuse,
  );
  services.limiter.settle(reserved, usedTokens, nowMs());
}

/** Resolves with the tokens that were spent. */
async function exchange(
  call: Exchange,
  services: ModelServices,
  refuse: (error: ApiError) => void,
): Promise<number> {
  const { request, log, signal, promptTokens } = call;
  const armed = services.faults.take((fault) => faultMatches(fault, request));
  const fault = armed?.fault ?? null;
  if (armed !== null) log.update({ fault: armed.id });
  try {
    const waitMs = services.options.latencyMs + (fault?.delayMs ?? 0);
    if (waitMs > 0) await sleep(waitMs, undefined, { signal });
    const failure = fault === null ? null : errorOfFault(fault, request.stream);
    if (failure !== null) {
      refuse(failure);
      return 0;
    }
    const answer = answerChat(request, fault);
    if (!answer.ok) {
      refuse(answer.error);
      return 0;
    }
    log.update({ status: 200 });
    await (request.stream ? sendStream : sendWhole)(call, services, answer.value, fault);
  } catch (error) {
    // The client left; that is on record. Anything else is a bug and goes on.
    if (!signal.aborted) throw error;
  }
  return promptTokens + call.progress.completionTokens;
}

function sendStream(
  call: Exchange,
  services: ModelServices,
  answer: Answer,
  fault: ModelFault | null,
): Promise<void> {
  return streamCompletion(call.response, {
    head: call.head,
    answer,
    fault,
    promptTokens: call.promptTokens,
    includeUsage: call.request.includeUsage,
    tokenDelayMs: services.options.tokenDelayMs,
    headers: call.headers(),
    signal: call.signal,
    onChunk: (tokens) => {
      call.progress.completionTokens += tokens;
    },
    onEnd: () =>
      call.log.update({
        completionTokens: call.progress.completionTokens,
        finishedAtMs: services.options.nowMs(),
      }),
  });
}

async function sendWhole(
  call: Exchange,
  services: ModelServices,
  answer: Answer,
  fault: ModelFault | null,
): Promise<void> {
  const { response, log, signal } = call;
  if (fault?.firstTokenDelayMs !== undefined) await sleep(fault.firstTokenDelayMs, undefined, { signal });
  const body = completionBody(call.head, answer, usageOf(call.promptTokens, answer.completionTokens));
  call.progress.completionTokens = answer.completionTokens;
  log.update({ completionTokens: answer.completionTokens, finishedAtMs: services.options.nowMs() });
  if (fault?.cutAfterChunks === undefined) return sendJson(response, 200, body, call.headers());
  const text = JSON.stringify(body);
  response.writeHead(200, { ...call.headers(), "content-type": "application/json" });
  // The half has to be on its way before the connection goes, or it would be none at all.
  response.write(text.slice(0, text.length / 2), () =>
    fault.cutMode === "end" ? response.end() : response.destroy(),
  );
}

function pickAbout(about: Pick<ChatRequest, "model" | "stream" | "messages">): typeof about {
  return { model: about.model, stream: about.stream, messages: about.messages };
}

function contextExceeded(tokens: number): ApiError {
  const message = `This model's maximum context length is ${CONTEXT_TOKENS} tokens; your messages have ${tokens}.`;
  return badRequest(message, "messages", "context_length_exceeded");
}

function limitExceeded(model: string, limit: "requests" | "tokens", retryAfterMs: number): ApiError {
  const retryAfterSeconds = Math.ceil(retryAfterMs / 1_000);
  return {
    status: 429,
    message: `Rate limit reached for ${model} on ${limit} per min. Please try again in ${retryAfterSeconds}s.`,
    type: limit,
    code: "rate_limit_exceeded",
    param: null,
    retryAfterSeconds,
  };
}
