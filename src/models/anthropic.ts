/**
 * Anthropic's Messages API, over the AI SDK's own adapter. Imported as `sluice/anthropic`, so that it is part of
 * a deployment only where it is configured.
 */
import { createAnthropic } from "@ai-sdk/anthropic";
import { readAnthropicEvents } from "./answer-events.ts";
import { checkShape } from "../config/check-shape.ts";
import { MODEL_SHAPE } from "../config/shapes.ts";
import { defineModel, providerSettings, type BaseUrl } from "./endpoint.ts";
import type { ModelDefinition } from "./port.ts";
import { withEndpoints, type RegionalOptions } from "./regional.ts";

export interface AnthropicOptions extends RegionalOptions {
  readonly apiKey: string | readonly string[];
  /** Up to and with `/v1`. Default: Anthropic's own. */
  readonly baseUrl?: BaseUrl;
  /** false: the schema goes into the prompt. Default: the model is held to it, natively or by a forced tool. */
  readonly structuredOutput?: boolean;
}

const BASE_URL = "https://api.anthropic.com/v1";

/** @throws TypeError when `baseUrl` is a text that cannot be called */
export function anthropic(options: AnthropicOptions): ModelDefinition {
  checkShape("anthropic", MODEL_SHAPE, options);
  return withEndpoints(options, define);
}

function define(options: AnthropicOptions): ModelDefinition {
  const { baseUrl = BASE_URL, structuredOutput = true } = options;
  return defineModel(options, {
    provider: "anthropic",
    baseUrl,
    keyHeader: { name: "x-api-key", prefix: "" },
    structuredOutput,
    create: (access) =>
      createAnthropic({
        ...providerSettings(options, baseUrl, access, readAnthropicEvents),
        apiKey: access.apiKey ?? "",
      }).languageModel(options.model),
  });
}
