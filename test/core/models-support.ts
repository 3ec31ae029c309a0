/** Our adapters in plain Node: models as a config defines them, called through the same path as in the Worker. */
import { callModel, type ModelCallResult, type ModelRequest } from "../../src/models/call.ts";
import { anthropic } from "../../src/models/anthropic.ts";
import { google } from "../../src/models/google.ts";
import { openaiCompatible } from "../../src/models/openai-compatible.ts";
import type { EndpointOptions } from "../../src/models/endpoint.ts";
import type { ConfiguredModel, ModelDefinition, ModelTimeouts } from "../../src/models/port.ts";
import { createModelRegistry } from "../../src/models/registry.ts";

export const PROVIDERS = ["openai", "anthropic", "gemini"] as const;
export type ProviderName = (typeof PROVIDERS)[number];

/** Long enough never to fire by chance. */
const PATIENT: ModelTimeouts = { connectMs: 60_000, firstTokenMs: 60_000, idleMs: 60_000, totalMs: 60_000 };

export type ModelOptions = Partial<EndpointOptions> & { readonly structuredOutput?: boolean };

/** @param origin of a server that speaks all three APIs */
export function define(provider: ProviderName, origin: string, options: ModelOptions = {}): ModelDefinition {
  const common = {
    model: "sluice-standin-1",
    apiKey: "KEY",
    ...options,
    timeouts: { ...PATIENT, ...options.timeouts },
  };
  switch (provider) {
    case "openai":
      return openaiCompatible({ baseUrl: `${origin}/v1`, ...common });
    case "anthropic":
      return anthropic({ baseUrl: `${origin}/v1`, ...common });
    case "gemini":
      return google({ baseUrl: `${origin}/v1beta`, ...common });
    default:
      return provider satisfies never;
  }
}

export function configure(
  definition: ModelDefinition,
  env: Readonly<Record<string, string>> = { KEY: "sk-test" },
  fetcher: typeof fetch = fetch,
): ConfiguredModel {
  const registry = createModelRegistry(new Map([["fast", definition]]), {
    binding: (name) => env[name],
    fetch: fetcher,
  });
  const found = registry.get("fast");
  if (!found.ok) throw new Error(found.error.message);
  return found.value;
}

const REQUEST: ModelRequest = { instruction: "Summarise.", data: "Dana of Acme Corp writes from Berlin." };

export function call(
  model: ConfiguredModel,
  request: Partial<ModelRequest> = {},
  signal: AbortSignal = new AbortController().signal,
): Promise<ModelCallResult> {
  return callModel(model, { ...REQUEST, ...request }, { signal, nowMs: Date.now });
}

export function failureOf(result: ModelCallResult) {
  if (result.ok) throw new Error("the call succeeded");
  return result.error.failure;
}
