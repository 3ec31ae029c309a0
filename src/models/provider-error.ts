/**
 * Reads what a provider said in an error's body or in an error part of its stream. Parsed from `unknown`,
 * for the shapes that are seen:
 *   {error: {message, type, code, status, details, innererror}}   OpenAI and its like, Anthropic, Gemini, Azure
 *   [{error: …}]                                                    Gemini through its OpenAI endpoint
 *   {error: "text"} · {object: "error", type, code}                 small servers, vLLM
 * Takes words and numbers, and the message: the classifier looks for money in it, and a person may read it once the key
 * is taken out of it (`answer-excerpt.ts`), because providers quote the key there.
 */
import * as z from "zod";
import { LIMITS } from "../config/limits.ts";
import { parseDurationMs } from "./limit-headers.ts";

export interface ProviderWords {
  readonly words: readonly string[];
  readonly text: string | undefined;
  readonly retryAfterMs: number | undefined;
}

const wordSchema = z
  .union([z.string().max(200), z.number()])
  .transform(String)
  .optional()
  .catch(undefined);

const textSchema = z.string().optional().catch(undefined);

const detailSchema = z.looseObject({
  reason: wordSchema,
  retryDelay: z.string().optional().catch(undefined),
  violations: z
    .array(z.looseObject({ quotaId: z.string().optional().catch(undefined) }))
    .optional()
    .catch(undefined),
});

const errorSchema = z.looseObject({
  code: wordSchema,
  status: wordSchema,
  type: wordSchema,
  message: textSchema,
  /** A sentence, in the place of an object. */
  error: textSchema,
  innererror: z.looseObject({ code: wordSchema }).optional().catch(undefined),
  details: z.array(detailSchema).optional().catch(undefined),
  /** Provider packages keep what was said here, in the error parts of their streams. */
  data: z
    .looseObject({ details: z.array(detailSchema).optional().catch(undefined) })
    .optional()
    .catch(undefined),
});

const envelopeSchema = z.looseObject({ error: errorSchema });

const NOTHING: ProviderWords = { words: [], text: undefined, retryAfterMs: undefined };

export function readProviderError(value: unknown): ProviderWords {
  const body: unknown = Array.isArray(value) ? value[0] : value;
  const wrapped = envelopeSchema.safeParse(body);
  const plain = wrapped.success ? wrapped.data.error : errorSchema.safeParse(body).data;
  if (plain === undefined) return NOTHING;
  const details = plain.details ?? plain.data?.details ?? [];
  const reasons = details.map((detail) => detail.reason);
  const words = [plain.code, plain.innererror?.code, ...reasons, plain.status, plain.type];
  // A daily cap is not over in the seconds that `RetryInfo` names for it.
  const daily = details.some((detail) => detail.violations?.some((v) => v.quotaId?.includes("PerDay")));
  const delays = details.map((detail) => parseDurationMs(detail.retryDelay));
  return {
    words: words.filter((word) => word !== undefined).filter((word) => word !== ""),
    text: plain.message ?? plain.error,
    retryAfterMs: daily ? LIMITS.headers.maxRetryAfterMs : delays.find((delay) => delay !== undefined),
  };
}

/** The same for a body as text; what is not JSON says nothing. */
export function readProviderErrorText(text: string | undefined): ProviderWords {
  if (text === undefined || text.length > LIMITS.models.maxErrorBodyBytes) return NOTHING;
  try {
    return readProviderError(JSON.parse(text));
  } catch {
    return NOTHING;
  }
}
