/** A model call as a span, by OpenTelemetry's names for generative AI. It holds no prompt and no answer. */
import type { SpanValue } from "../core/otlp.ts";
import type { ConfiguredModel, FinishReason, TokenUsage } from "./port.ts";

/** Where OpenTelemetry has a name of its own. */
const PROVIDER_NAMES: Readonly<Record<string, string>> = { google: "gcp.gemini" };

export function chatSpan({ name, definition }: ConfiguredModel) {
  const { modelId, provider } = definition;
  const attributes: Record<string, SpanValue> = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": PROVIDER_NAMES[provider] ?? provider,
    "gen_ai.request.model": modelId,
    "gen_ai.request.stream": true,
    "sluice.model": name,
  };
  return { name: `chat ${modelId}`, kind: "client", attributes } as const;
}

export interface ChatFacts {
  readonly temperature?: number | undefined;
  readonly maxOutputTokens?: number | undefined;
  readonly usage?: TokenUsage | undefined;
  readonly modelId?: string | undefined;
  readonly finishReason?: FinishReason | undefined;
  readonly firstTokenMs?: number | undefined;
}

/** What is known of the call; what is not is left out. */
export function chatAttributes(facts: ChatFacts): Record<string, SpanValue> {
  const { usage, finishReason, firstTokenMs } = facts;
  const named: Readonly<Record<string, SpanValue | undefined>> = {
    "gen_ai.request.temperature": facts.temperature,
    "gen_ai.request.max_tokens": facts.maxOutputTokens,
    "gen_ai.usage.input_tokens": usage?.inputTokens,
    "gen_ai.usage.cache_read.input_tokens": usage?.cachedInputTokens,
    "gen_ai.usage.output_tokens": usage?.outputTokens,
    "gen_ai.response.model": facts.modelId,
    "gen_ai.response.finish_reasons": finishReason === undefined ? undefined : [finishReason],
    "gen_ai.response.time_to_first_chunk": firstTokenMs === undefined ? undefined : firstTokenMs / 1_000,
  };
  const known: Record<string, SpanValue> = {};
  for (const [name, value] of Object.entries(named)) if (value !== undefined) known[name] = value;
  return known;
}
