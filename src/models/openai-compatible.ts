/**
 * Models behind an OpenAI-compatible endpoint: OpenAI, Groq, Together, vLLM, Ollama, Workers AI, AI Gateway.
 * Over the AI SDK's own adapter; this file adds what a gateway needs around it and holds no secret: the key is
 * named here and looked up when the env is known.
 */
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { isJsonObject } from "../core/json.ts";
import { checkShape } from "../config/check-shape.ts";
import { OPENAI_COMPATIBLE_SHAPE } from "../config/shapes.ts";
import { defineModel, providerSettings, RESPONSE_CAPS, type BaseUrl } from "./endpoint.ts";
import { plainTextFirst } from "./plain-text-model.ts";
import type { ModelDefinition } from "./port.ts";
import { withEndpoints, type RegionalOptions } from "./regional.ts";
import { isStrictSchema } from "./strict-schema.ts";

export interface OpenAICompatibleOptions extends RegionalOptions {
  /** Up to and with `/v1`. `{ variable: "MODEL_BASE_URL" }` reads a variable, so that environments can differ. */
  readonly baseUrl: BaseUrl;
  /** The endpoint takes a JSON schema (`response_format: json_schema`). Default: the schema goes into the prompt. */
  readonly structuredOutput?: boolean;
  /** OpenAI's reasoning models refuse `max_tokens` (the default, understood everywhere else). */
  readonly outputTokensField?: "max_tokens" | "max_completion_tokens";
  /**
   * Streamed chat completions are the endpoint's own bytes: its ids, its name for the model, whatever members it adds, and its usage at the end, asked
   * for or not. Costs little more than a byte pipe; what the endpoint says in the middle of a stream is shown as it says it. Default: false.
   */
  readonly verbatim?: boolean;
}

/** @throws TypeError when `baseUrl` is a text that cannot be called: a mistake in the config, found at load */
export function openaiCompatible(options: OpenAICompatibleOptions): ModelDefinition {
  checkShape("openaiCompatible", OPENAI_COMPATIBLE_SHAPE, options);
  return withEndpoints(options, define);
}

function define(options: OpenAICompatibleOptions): ModelDefinition {
  const { baseUrl, model, structuredOutput = false } = options;
  return defineModel(options, {
    provider: "openai-compatible",
    baseUrl,
    keyHeader: { name: "authorization", prefix: "Bearer " },
    structuredOutput,
    verbatim: options.verbatim === true,
    create: (access) =>
      plainTextFirst(
        (fetcher) =>
          createOpenAICompatible({
            ...providerSettings(options, baseUrl, access),
            fetch: fetcher,
            name: "openai-compatible",
            includeUsage: true,
            supportsStructuredOutputs: structuredOutput,
            transformRequestBody: (body: Readonly<Record<string, unknown>>) => adaptBody(body, options),
            ...(access.apiKey === undefined ? {} : { apiKey: access.apiKey }),
          }).chatModel(model),
        access.fetch,
        RESPONSE_CAPS,
      ),
  });
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
