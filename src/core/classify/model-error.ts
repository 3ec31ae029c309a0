/**
 * A model provider's error, classified: by its own error code before its HTTP status, because a 429 can
 * mean "slow down" or "pay your bill", and a 200 stream can carry either. The tables hold what the
 * providers document:
 *   https://platform.openai.com/docs/guides/error-codes
 *   https://docs.anthropic.com/en/api/errors
 *   https://ai.google.dev/gemini-api/docs/troubleshooting
 */
import type { FailureClass } from "../failure.ts";

/** What could be read of an error, wherever it was found (status line, body, stream). */
export interface ProviderError {
  /** Absent when no answer came, or when the error came inside a stream that began with 200. */
  readonly status?: number | undefined;
  /** The words the provider used, most specific first: `code`, `status`, `type`, an inner code. */
  readonly words: readonly string[];
  /** The provider's sentence. Read only for money, where the words leave that open; never shown. */
  readonly text?: string | undefined;
  /** `x-should-retry`: the provider's own word. */
  readonly shouldRetry?: boolean | undefined;
}

export interface Verdict {
  readonly class: FailureClass;
  /** Our own stable word, for metrics and lists. */
  readonly code: string;
}

const RATE_LIMITED: Verdict = { class: "transient", code: "rate_limited" };
const OVERLOADED: Verdict = { class: "transient", code: "overloaded" };
const SERVER_ERROR: Verdict = { class: "transient", code: "server_error" };
const UPSTREAM_TIMEOUT: Verdict = { class: "transient", code: "upstream_timeout" };
const QUOTA: Verdict = { class: "permanent", code: "quota" };
const UNAUTHORIZED: Verdict = { class: "permanent", code: "unauthorized" };
const UNKNOWN_MODEL: Verdict = { class: "permanent", code: "model_not_found" };
const INPUT_TOO_LONG: Verdict = { class: "permanent", code: "input_too_long" };
/** The pipeline decides what a refusal means for its event, so it is degraded, not dead. */
export const CONTENT_POLICY: Verdict = { class: "degraded", code: "content_policy" };

const VERDICT_BY_WORD: ReadonlyMap<string, Verdict> = new Map([
  ...words(CONTENT_POLICY, [
    "content_filter",
    "content_policy_violation",
    "responsible_ai_policy_violation",
    "refusal",
    "invalid_prompt",
    "safety",
    "image_safety",
    "recitation",
    "prohibited_content",
    "blocklist",
    "spii",
  ]),
  ...words(QUOTA, [
    "insufficient_quota",
    "credit_balance_exhausted",
    "organization_spend_limit_exceeded",
    "project_spend_limit_exceeded",
    "organization_usage_limit_exceeded",
    "billing_hard_limit_reached",
    "billing_not_active",
    "billing_error",
  ]),
  ...words(UNAUTHORIZED, [
    "invalid_api_key",
    "api_key_invalid",
    "incorrect_api_key",
    "authentication_error",
    "invalid_authentication",
    "unauthenticated",
    "permission_error",
    "permission_denied",
    "access_terminated",
    "account_deactivated",
  ]),
  ...words(UNKNOWN_MODEL, ["model_not_found", "not_found_error", "deployment_not_found", "not_found"]),
  ...words(INPUT_TOO_LONG, [
    "context_length_exceeded",
    "string_above_max_length",
    "request_too_large",
    "model_length_exceeded",
  ]),
  ...words(RATE_LIMITED, [
    "rate_limit_exceeded",
    "rate_limit_error",
    "rate_limit_reached",
    "too_many_requests",
    "resource_exhausted",
    "slow_down",
  ]),
  ...words(OVERLOADED, ["overloaded_error", "overloaded", "engine_overloaded", "unavailable"]),
  ...words(SERVER_ERROR, [
    "server_error",
    "api_error",
    "internal_server_error",
    "internal_error",
    "internal",
  ]),
  ...words(UPSTREAM_TIMEOUT, ["timeout_error", "timeout", "gateway_timeout", "deadline_exceeded"]),
]);

/** Codes for money change faster than this table; whatever speaks of it is not worth a second try. */
const ABOUT_MONEY =
  /billing|payment|spend(ing)?_limit|credit_(balance|limit)|insufficient_(balance|credit|fund)/;

/**
 * Some providers tell an empty account as a bad request, a limit or a missing permission, and only the sentence says so. As seen
 * from Anthropic (400 `invalid_request_error`), Gemini (429 `RESOURCE_EXHAUSTED`), xAI (403, 429), OpenRouter and DeepSeek.
 */
const SAYS_NO_MONEY = new RegExp(
  [
    "credit balance is too low",
    "reached your specified (api |workspace )?(api )?usage limits?",
    "credits? (is|are|has been|have been) (depleted|exhausted|used up)",
    "used (all|up all) (of )?(your |the )?(available |prepaid )?credits?",
    "(insufficient|not enough) (account |credit )?(balance|credits?|funds)",
    "requires? more credits|(purchase|buy) more credits|(out of|no remaining) credits",
    "(doesn't|does not|don't) have any credits",
    "(spend|spending|credit|billing) (limit|cap) (has been |was |is )?(exceeded|reached|hit)",
    "(exceeded|reached|hit) (your|its|the|their) (\\w+ )?(spend|spending|credit|billing) (limit|cap)",
    "key limit exceeded",
  ].join("|"),
);
/** Sentences that some providers use for a limit per minute as well: they count where no code says otherwise. */
const MAY_SAY_NO_MONEY =
  /exceeded your current quota|monthly (usage|quota)( limit)?|payment required|check your plan and billing/;
const MAX_TEXT_CHARACTERS = 400;

/** Says less than any status: counts only where there is none. */
const VAGUE: ReadonlyMap<string, Verdict> = new Map(
  words({ class: "permanent", code: "invalid_request" }, [
    "invalid_request_error",
    "invalid_argument",
    "failed_precondition",
    "bad_request",
  ]),
);

export function classifyProviderError(error: ProviderError): Verdict {
  const normalized = error.words.map(normalizeWord);
  for (const word of normalized) {
    const verdict = VERDICT_BY_WORD.get(word) ?? (ABOUT_MONEY.test(word) ? QUOTA : undefined);
    if (verdict === undefined) continue;
    const isOpen = verdict === RATE_LIMITED || verdict === UNAUTHORIZED;
    return isOpen && says(error.text, SAYS_NO_MONEY) ? QUOTA : verdict;
  }
  if (says(error.text, SAYS_NO_MONEY) || says(error.text, MAY_SAY_NO_MONEY)) return QUOTA;
  const status = error.status ?? statusAmong(normalized);
  const verdict =
    (status === undefined ? undefined : verdictOfStatus(status)) ??
    firstOf(normalized, (word) => VAGUE.get(word)) ??
    ({ class: "transient", code: "stream_error" } satisfies Verdict);
  if (error.shouldRetry === undefined) return verdict;
  return { ...verdict, class: error.shouldRetry ? "transient" : "permanent" };
}

/** A finish reason can be a refusal under many names. */
export function isPolicyWord(word: string): boolean {
  return VERDICT_BY_WORD.get(normalizeWord(word)) === CONTENT_POLICY;
}

function says(text: string | undefined, what: RegExp): boolean {
  if (text === undefined) return false;
  return what.test(text.slice(0, MAX_TEXT_CHARACTERS).toLowerCase().replace(/’/g, "'"));
}

/** undefined for what is no error: the caller knows more than a 200 does. */
function verdictOfStatus(status: number): Verdict | undefined {
  if (status < 300) return undefined;
  if (status === 429) return RATE_LIMITED;
  if (status === 529) return OVERLOADED;
  if (status === 402) return QUOTA;
  if (status === 401 || status === 403) return UNAUTHORIZED;
  if (status === 413) return INPUT_TOO_LONG;
  const again = status >= 500 || status === 408 || status === 409 || status === 425;
  return { class: again ? "transient" : "permanent", code: `http_${status}` };
}

/** Some gateways write the status as the code, even inside a stream that began with 200. */
function statusAmong(normalized: readonly string[]): number | undefined {
  return firstOf(normalized, (word) => (/^[45]\d\d$/.test(word) ? Number(word) : undefined));
}

/** `RateLimitReached`, `rate-limit-reached` and `RATE_LIMIT_REACHED` are one word. */
function normalizeWord(word: string): string {
  return word
    .trim()
    .slice(0, 80)
    .replace(/([a-z0-9])([A-Z])/g, "$1_$2")
    .replace(/([A-Z])([A-Z][a-z])/g, "$1_$2")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "_");
}

function words(verdict: Verdict, list: readonly string[]): [string, Verdict][] {
  return list.map((word) => [word, verdict]);
}

function firstOf<Item, Answer>(
  items: readonly Item[],
  pick: (item: Item) => Answer | undefined,
): Answer | undefined {
  for (const item of items) {
    const answer = pick(item);
    if (answer !== undefined) return answer;
  }
  return undefined;
}
