/**
 * Google's Gemini API, over the AI SDK's own adapter. Imported as `sluice/google`, so that it is part of a
 * deployment only where it is configured.
 */
import { createGoogle } from "@ai-sdk/google";
import { readGoogleEvents } from "./answer-events.ts";
import { checkShape } from "../config/check-shape.ts";
import { MODEL_SHAPE } from "../config/shapes.ts";
import { defineModel, providerSettings, type BaseUrl } from "./endpoint.ts";
import type { ModelDefinition } from "./port.ts";
import { withEndpoints, type RegionalOptions } from "./regional.ts";

export interface GoogleOptions extends RegionalOptions {
  readonly apiKey: string | readonly string[];
  /** Up to and with `/v1beta`. Default: Google's own. */
  readonly baseUrl?: BaseUrl;
  /** false: the schema goes into the prompt. Default: the model is held to it. */
  readonly structuredOutput?: boolean;
}

const BASE_URL = "https://generativelanguage.googleapis.com/v1beta";

/** @throws TypeError when `baseUrl` is a text that cannot be called */
export function google(options: GoogleOptions): ModelDefinition {
  checkShape("google", MODEL_SHAPE, options);
  return withEndpoints(options, define);
}

function define(options: GoogleOptions): ModelDefinition {
  const { baseUrl = BASE_URL, structuredOutput = true } = options;
  return defineModel(options, {
    provider: "google",
    baseUrl,
    keyHeader: { name: "x-goog-api-key", prefix: "" },
    structuredOutput,
    create: (access) =>
      createGoogle({
        ...providerSettings(options, baseUrl, access, readGoogleEvents),
        apiKey: access.apiKey ?? "",
      }).languageModel(options.model),
  });
}
