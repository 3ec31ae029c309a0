/**
 * Anything a model call throws or streams as an error, turned into a `StageFailure` and what it says about
 * limits. Messages are composed from statuses, codes and request ids. The beginning of a provider's own text is kept
 * beside them as `answer`, without the call's secrets, because it may quote the key.
 */
import {
  APICallError,
  EmptyResponseBodyError,
  InvalidArgumentError,
  InvalidPromptError,
  InvalidResponseDataError,
  JSONParseError,
  LoadAPIKeyError,
  LoadSettingError,
  NoContentGeneratedError,
  NoSuchModelError,
  TypeValidationError,
  UnsupportedFunctionalityError,
} from "@ai-sdk/provider";
import { LIMITS } from "../config/limits.ts";
import { classifyProviderError, type Verdict } from "../core/classify/model-error.ts";
import { MODEL_NOT_CONFIGURED } from "../core/classify/not-configured.ts";
import { excerptOf } from "../core/answer-excerpt.ts";
import { failure, withAnswer, type StageFailure } from "../core/failure.ts";
import type { LimitHint } from "../guard/port.ts";
import { readLimits } from "./limit-headers.ts";
import { readProviderError, readProviderErrorText, type ProviderWords } from "./provider-error.ts";

/** Before the answer's headers, or while its body came. */
export type CallPhase = "connect" | "stream";

export interface ModelFault {
  readonly failure: StageFailure;
  readonly hint?: LimitHint;
  /** The provider turned the request away with an error status: nothing was generated or billed. */
  readonly refused: boolean;
  readonly clampedHeaders: readonly string[];
}

const NETWORK: Verdict = { class: "transient", code: "network" };
/** An upstream that ended before it had finished looks like success to a careless reader. */
const CUT: Verdict = { class: "transient", code: "cut" };
const BAD_RESPONSE: Verdict = { class: "transient", code: "bad_response" };
const UNSUPPORTED: Verdict = { class: "permanent", code: "unsupported" };

/** @param secrets the keys and tokens that went with the call: they are in nothing that is returned */
export function classifyModelError(
  thrown: unknown,
  phase: CallPhase,
  nowMs: number,
  secrets: readonly string[],
): ModelFault {
  const found = classify(thrown, phase, nowMs);
  const said = ownWordsOf(thrown);
  const answer = said === undefined ? undefined : excerptOf(said, secrets);
  return { ...found, failure: withAnswer(found.failure, answer) };
}

/** What the provider wrote for a person to read, if it wrote anything. */
function ownWordsOf(thrown: unknown): string | undefined {
  if (APICallError.isInstance(thrown)) return thrown.responseBody;
  if (TypeValidationError.isInstance(thrown)) return readProviderError(thrown.value).text;
  return thrown instanceof Error ? undefined : readProviderError(thrown).text;
}

function classify(thrown: unknown, phase: CallPhase, nowMs: number): ModelFault {
  if (APICallError.isInstance(thrown)) return classifyApiError(thrown, phase, nowMs);
  if (LoadAPIKeyError.isInstance(thrown) || LoadSettingError.isInstance(thrown)) {
    return withoutHint(modelNotConfigured("the provider found no key or setting"), true);
  }
  if (isUnsupported(thrown))
    return fault(UNSUPPORTED, `the provider does not take this request (${thrown.name})`);
  if (TypeValidationError.isInstance(thrown) || JSONParseError.isInstance(thrown)) {
    const said = TypeValidationError.isInstance(thrown) ? readProviderError(thrown.value) : undefined;
    if (said !== undefined && saysSomething(said)) return streamError(said, undefined);
    return fault(BAD_RESPONSE, "the provider sent something that is not a completion");
  }
  if (isIncomplete(thrown)) {
    return phase === "stream"
      ? fault(CUT, "the answer ended before it was finished")
      : fault(BAD_RESPONSE, "the provider sent an empty answer");
  }
  if (thrown instanceof Error) return connectionFault(thrown, phase);
  return streamError(readProviderError(thrown), statusOf(thrown));
}

/** No key, no URL: it waits for the operator. The caller defers it (`isNotConfigured`), so it uses up no retry. */
export function modelNotConfigured(problem: string): StageFailure {
  const { notConfiguredRetryMs } = LIMITS.models;
  return failure("infer", "transient", MODEL_NOT_CONFIGURED, problem, notConfiguredRetryMs);
}

function classifyApiError(error: APICallError, phase: CallPhase, nowMs: number): ModelFault {
  const { statusCode: status, responseHeaders } = error;
  if (status === undefined) return connectionFault(error, phase);
  if (status < 300) {
    const inBody = readProviderErrorText(error.responseBody);
    if (saysSomething(inBody)) return streamError(inBody, undefined);
    const unreadable = phase === "connect" || JSONParseError.isInstance(error.cause);
    return unreadable
      ? fault(BAD_RESPONSE, `answer with status ${status} could not be read`)
      : connectionFault(error, phase);
  }
  const header = (name: string) => responseHeaders?.[name];
  const inText = readProviderErrorText(error.responseBody);
  const said = saysSomething(inText) ? inText : readProviderError(error.data);
  const limits = readLimits({ header, status, nowMs, bodyRetryAfterMs: said.retryAfterMs });
  const verdict = classifyProviderError({
    status,
    words: said.words,
    text: said.text,
    shouldRetry: readFlag(header("x-should-retry")),
  });
  const requestId = header("x-request-id") ?? header("request-id") ?? header("cf-ray");
  const details = [
    ...said.words.filter(isCode),
    ...(requestId === undefined ? [] : [`request ${safeWord(requestId)}`]),
  ];
  return {
    failure: failure(
      "infer",
      verdict.class,
      verdict.code,
      `the provider answered ${status}${details.length === 0 ? "" : `: ${details.join(", ")}`}`,
      verdict.class === "transient" ? waitOf(limits.hint) : undefined,
    ),
    ...(limits.hint === undefined ? {} : { hint: limits.hint }),
    refused: true,
    clampedHeaders: limits.clamped,
  };
}

function saysSomething({ words, text }: ProviderWords): boolean {
  return words.length > 0 || text !== undefined;
}

/** A limited answer without `Retry-After` may still say when the exhausted quantity comes back. */
function waitOf(hint: LimitHint | undefined): number | undefined {
  if (hint === undefined) return undefined;
  if (hint.retryAfterMs !== undefined) return hint.retryAfterMs;
  if (!hint.limited) return undefined;
  if (hint.remainingRequests === 0) return hint.requestsResetMs;
  return hint.remainingTokens === 0 ? hint.tokensResetMs : undefined;
}

function streamError(said: ProviderWords, status: number | undefined): ModelFault {
  const verdict = classifyProviderError({ status, words: said.words, text: said.text });
  const words = said.words.filter(isCode).join(", ");
  const wait = verdict.class === "transient" ? said.retryAfterMs : undefined;
  const maxMs = LIMITS.headers.maxRetryAfterMs;
  return {
    failure: failure(
      "infer",
      verdict.class,
      verdict.code,
      `the provider reported an error in its stream${words === "" ? "" : `: ${words}`}`,
      wait === undefined ? undefined : Math.min(wait, maxMs),
    ),
    ...(verdict.code === "rate_limited" ? { hint: { limited: true } } : {}),
    refused: false,
    clampedHeaders: [],
  };
}

function connectionFault(error: Error, phase: CallPhase): ModelFault {
  return phase === "stream"
    ? fault(CUT, `the connection broke before the answer was finished (${safeWord(error.name)})`)
    : fault(NETWORK, `the provider could not be reached (${safeWord(error.name)})`);
}

function fault(verdict: Verdict, message: string): ModelFault {
  return withoutHint(failure("infer", verdict.class, verdict.code, message), false);
}

function withoutHint(failed: StageFailure, refused: boolean): ModelFault {
  return { failure: failed, refused, clampedHeaders: [] };
}

function isUnsupported(thrown: unknown): thrown is Error {
  return (
    UnsupportedFunctionalityError.isInstance(thrown) ||
    NoSuchModelError.isInstance(thrown) ||
    InvalidPromptError.isInstance(thrown) ||
    InvalidArgumentError.isInstance(thrown)
  );
}

function isIncomplete(thrown: unknown): boolean {
  return (
    InvalidResponseDataError.isInstance(thrown) ||
    EmptyResponseBodyError.isInstance(thrown) ||
    NoContentGeneratedError.isInstance(thrown)
  );
}

/** Provider packages attach the status to the error parts of their streams. */
function statusOf(value: unknown): number | undefined {
  if (typeof value !== "object" || value === null || !("statusCode" in value)) return undefined;
  return typeof value.statusCode === "number" ? value.statusCode : undefined;
}

function readFlag(text: string | undefined): boolean | undefined {
  if (text === undefined) return undefined;
  const flag = text.trim().toLowerCase();
  return flag === "true" ? true : flag === "false" ? false : undefined;
}

/** Letters and underscores, or a status. A provider may quote the key where a code belongs; keys have digits or hyphens. */
function isCode(word: string): boolean {
  return /^(?:[A-Za-z_]{2,48}|\d{3})$/.test(word);
}

/** Ids only: what is not of their alphabet is dropped, so that no sentence gets through. */
function safeWord(word: string): string {
  return word.slice(0, 80).replace(/[^\w .:-]/g, "");
}
