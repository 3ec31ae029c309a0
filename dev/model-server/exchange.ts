/** One model call, whichever API asked: limits, faults, the answer, and a record of it whatever became of it. */
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
import type { ChatRequest } from "./chat-request.ts";
import type { AnswerWriter, Dialect } from "./dialect.ts";
import { errorOfFault, faultMatches, type ModelFault } from "./faults.ts";
import { countTokens } from "./nlp.ts";
import type { ResolvedOptions } from "./options.ts";
import type { RateLimiter } from "./rate-limit.ts";
import { streamAnswer } from "./stream.ts";

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
  readonly writer: AnswerWriter;
  readonly response: ServerResponse;
  readonly log: CallLog;
  readonly signal: AbortSignal;
  /** Counts up while the answer is produced. */
  readonly progress: { completionTokens: number };
  readonly headers: () => OutgoingHttpHeaders;
}

export async function handleModelCall(
  dialect: Dialect,
  incoming: IncomingMessage,
  response: ServerResponse,
  services: ModelServices,
): Promise<void> {
  const { nowMs, models } = services.options;
  const atMs = nowMs();
  const id = randomUUID();
  const signal = clientGone(response);
  const headers = (): OutgoingHttpHeaders =>
    dialect.headers({ id, tookMs: nowMs() - atMs }, services.limiter.levels(nowMs()));
  const body = await readBody(incoming, DEV_LIMITS.maxBodyBytes);
  if (!body.ok) return sendError(response, dialect, bodyTooLarge(), { ...headers(), connection: "close" });
  const url = new URL(incoming.url ?? "/", "http://dev.invalid");
  const parsed = dialect.parse(body.value.toString("utf8"), url);
  const about = parsed.ok ? parsed.value.request : { model: "", stream: false, messages: [] };
  const log = beginCall(services.calls, { id: `call_${id}`, atMs, ...pickAbout(about) });
  const progress = { completionTokens: 0 };
  const onAbort = (): void => log.update({ abortedAtMs: nowMs(), ...progress });
  signal.addEventListener("abort", onAbort, { once: true });
  const refuse = (error: ApiError): void => {
    log.update({ status: error.status, finishedAtMs: nowMs() });
    sendError(response, dialect, error, headers());
  };
  if (!parsed.ok) return refuse(parsed.error);
  const { request, write } = parsed.value;
  if (!models.includes(request.model)) return refuse(modelNotFound(request.model));
  const promptTokens = request.messages.reduce((sum, message) => sum + countTokens(message.text), 0);
  log.update({ promptTokens });
  if (promptTokens > CONTEXT_TOKENS) return refuse(contextExceeded(promptTokens));

  // Some APIs always name a bound, often a very large one; no answer here comes near it.
  const reserved =
    promptTokens + Math.min(request.maxOutputTokens ?? DEFAULT_OUTPUT_TOKENS, MAX_RESERVED_TOKENS);
  const admission = services.limiter.admit(reserved, nowMs());
  if (!admission.admitted)
    return refuse(limitExceeded(request.model, admission.limit, admission.retryAfterMs));
  const writer = write({ id, atMs, promptTokens });
  const spentTokens = await exchange(
    { request, writer, response, log, signal, headers, progress },
    services,
    refuse,
  );
  const usedTokens = spentTokens === null ? 0 : promptTokens + spentTokens;
  services.limiter.settle(reserved, usedTokens, nowMs());
}

const MAX_RESERVED_TOKENS = 4_096;

/** Resolves with the tokens of the answer; null: there was none. */
async function exchange(
  call: Exchange,
  services: ModelServices,
  refuse: (error: ApiError) => void,
): Promise<number | null> {
  const { request, log, signal } = call;
  const armed = services.faults.take((fault) => faultMatches(fault, request));
  const fault = armed?.fault ?? null;
  if (armed !== null) log.update({ fault: armed.id });
  try {
    const waitMs = services.options.latencyMs + (fault?.delayMs ?? 0);
    if (waitMs > 0) await sleep(waitMs, undefined, { signal });
    const failure = fault === null ? null : errorOfFault(fault, request.stream);
    if (failure !== null) {
      refuse(failure);
      return null;
    }
    const answer = answerChat(request, fault);
    if (!answer.ok) {
      refuse(answer.error);
      return null;
    }
    log.update({ status: 200 });
    await (request.stream ? sendStream : sendWhole)(call, services, answer.value, fault);
  } catch (error) {
    // The client left; that is on record. Anything else is a bug and goes on.
    if (!signal.aborted) throw error;
  }
  return call.progress.completionTokens;
}

function sendStream(
  call: Exchange,
  services: ModelServices,
  answer: Answer,
  fault: ModelFault | null,
): Promise<void> {
  return streamAnswer(call.response, {
    writer: call.writer,
    answer,
    fault,
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
  const body = call.writer.whole(answer);
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
