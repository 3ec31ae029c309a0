/**
 * Models behind an OpenAI-compatible endpoint: OpenAI, Groq, Together, vLLM, Ollama, Workers AI, AI Gateway.
 * Over the AI SDK's own adapter; this file adds what a gateway needs around it and holds no secret: the key is
 * named here and looked up when the env is known.
 */
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { LIMITS } from "../config/limits.ts";
import { checkEndpointUrl } from "../core/classify/endpoint-url.ts";
import { isJsonObject } from "../core/json.ts";
import type { GuardLimits } from "../guard/port.ts";
import { boundedFetch } from "./bounded-fetch.ts";
import { isStrictSchema } from "./strict-schema.ts";
import type { ModelAccess, ModelDefinition, ModelPrice, ModelTimeouts } from "./port.ts";

export interface OpenAICompatibleOptions {
  /** Up to and with `/v1`. `{ variable: "MODEL_BASE_URL" }` reads a variable, so that environments can differ. */
  readonly baseUrl: string | { readonly variable: string };
  readonly model: string;
  /** The binding that holds the API key, never the key. */
  readonly apiKey?: string;
  readonly limits?: GuardLimits;
  readonly timeouts?: Partial<ModelTimeouts>;
  readonly price?: ModelPrice;
  /** The endpoint takes a JSON schema (`response_format: json_schema`). Default: the schema goes into the prompt. */
  readonly structuredOutput?: boolean;
  /** OpenAI's reasoning models refuse `max_tokens` (the default, understood everywhere else). */
  readonly outputTokensField?: "max_tokens" | "max_completion_tokens";
}

const DEFAULT_TIMEOUTS: ModelTimeouts = {
  connectMs: LIMITS.models.connectTimeoutMs,
  firstTokenMs: LIMITS.models.firstTokenTimeoutMs,
  idleMs: LIMITS.models.idleTimeoutMs,
  totalMs: LIMITS.models.totalTimeoutMs,
};

/** @throws TypeError when `baseUrl` is a text that cannot be called: a mistake in `config/`, found at load */
export function openaiCompatible(options: OpenAICompatibleOptions): ModelDefinition {
  const { baseUrl, model, apiKey, price, structuredOutput = false } = options;
  if (typeof baseUrl === "string") resolveUrl(baseUrl, "baseUrl", apiKey);
  return {
    provider: "openai-compatible",
    modelId: model,
    limits: options.limits ?? {},
    timeouts: { ...DEFAULT_TIMEOUTS, ...options.timeouts },
    structuredOutput,
    variables: typeof baseUrl === "string" ? [] : [baseUrl.variable],
    ...(apiKey === undefined ? {} : { apiKey }),
    ...(price === undefined ? {} : { price }),
    create: (access) =>
      createOpenAICompatible({
        name: "openai-compatible",
        baseURL: baseUrlOf(baseUrl, access, apiKey),
        includeUsage: true,
        supportsStructuredOutputs: structuredOutput,
        fetch: boundedFetch(access.fetch, {
          maxBytes: LIMITS.models.maxResponseBytes,
          maxErrorBytes: LIMITS.models.maxErrorBodyBytes,
        }),
        transformRequestBody: (body: Readonly<Record<string, unknown>>) => adaptBody(body, options),
        ...(access.apiKey === undefined ? {} : { apiKey: access.apiKey }),
      }).chatModel(model),
  };
}

function baseUrlOf(
  baseUrl: OpenAICompatibleOptions["baseUrl"],
  access: ModelAccess,
  apiKey: string | undefined,
): string {
  if (typeof baseUrl === "string") return resolveUrl(baseUrl, "baseUrl", apiKey);
  return resolveUrl(access.variable(baseUrl.variable) ?? "", baseUrl.variable, apiKey);
}

/** Plain http is for this machine, and for servers that take no key. */
function resolveUrl(text: string, name: string, apiKey: string | undefined): string {
  const checked = checkEndpointUrl(text, { allowPlainHttp: apiKey === undefined });
  if (!checked.ok) throw new TypeError(`openaiCompatible: ${name} ${checked.error}`);
  return checked.value.href;
}

function adaptBody(
  body: Readonly<Record<string, unknown>>,
  { outputTokensField = "max_tokens" }: OpenAICompatibleOptions,
): Record<string, unknown> {
  const { max_tokens: maxTokens, response_format: format, ...rest } = body;
  return {
    ...rest,
    ...(maxTokens === undefined ? {} : { [outputTokensField]: maxTokens }),
    ...(format === undefined ? {} : { response_format: adaptFormat(format) }),
  };
}

/**
 * The adapter asks for strict decoding always, and OpenAI answers 400 to a schema that strict mode cannot
 * express. Such a schema still guides the model; the pipeline checks the answer in any case.
 */
function adaptFormat(format: unknown): unknown {
  if (!isJsonObject(format) || !isJsonObject(format["json_schema"])) return format;
  const described = format["json_schema"];
  return { ...format, json_schema: { ...described, strict: isStrictSchema(described["schema"]) } };
}
