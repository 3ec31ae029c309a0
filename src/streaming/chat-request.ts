/** The body of `POST /v1/chat/completions`, as OpenAI's clients send it. What a stream cannot do is refused, not ignored. */
import type { LanguageModelV4Message } from "@ai-sdk/provider";
import * as z from "zod";
import { LIMITS } from "../config/limits.ts";
import { err, ok, type Result } from "../core/result.ts";
import type { Problem } from "../platform/problem.ts";
import type { StreamRequest } from "./port.ts";
import { parseJsonBody } from "./stream-request.ts";

const textParts = z.array(z.strictObject({ type: z.literal("text"), text: z.string() })).min(1);
const content = z.union([z.string(), textParts]);

const messageSchema = z.strictObject({
  role: z.enum(["system", "developer", "user", "assistant"]),
  content,
  name: z.optional(z.string()),
});

const tokens = z.nullish(z.int().min(1).max(LIMITS.streams.maxOutputTokens));
const number = z.nullish(z.number());

const chatSchema = z.strictObject({
  /** A name from the gateway's `models`. */
  model: z.string().min(1).max(63),
  messages: z.array(messageSchema).min(1),
  stream: z.nullish(z.boolean()),
  stream_options: z.nullish(z.strictObject({ include_usage: z.optional(z.boolean()) })),
  max_tokens: tokens,
  max_completion_tokens: tokens,
  temperature: z.nullish(z.number().min(0).max(2)),
  top_p: number,
  presence_penalty: number,
  frequency_penalty: number,
  seed: z.nullish(z.int()),
  stop: z.nullish(z.union([z.string(), z.array(z.string()).max(4)])),
  n: z.nullish(z.literal(1)),
  response_format: z.nullish(z.strictObject({ type: z.literal("text") })),
  user: z.nullish(z.string().max(LIMITS.streams.maxUserCharacters)),
});

export interface ChatRequest {
  readonly request: StreamRequest;
  readonly stream: boolean;
  readonly includeUsage: boolean;
  /** Whose call it is, for the limits per user. */
  readonly user: string | null;
}

export function parseChatRequest(body: Uint8Array): Result<ChatRequest, Problem> {
  const value = parseJsonBody(body);
  if (!value.ok) return value;
  const parsed = chatSchema.safeParse(value.value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const detail = `${issue?.path.join(".") ?? ""}: ${issue?.message ?? "not supported"}`;
    return err({ status: 400, code: "invalid-request", title: "The request is not supported", detail });
  }
  const asked = parsed.data;
  const texts = asked.messages.map((message) => textOf(message.content));
  return ok({
    stream: asked.stream ?? false,
    includeUsage: asked.stream_options?.include_usage ?? false,
    user: asked.user === undefined || asked.user === "" ? null : asked.user,
    request: {
      model: asked.model,
      texts,
      options: {
        prompt: asked.messages.map(promptMessage),
        ...present("maxOutputTokens", asked.max_completion_tokens ?? asked.max_tokens),
        ...present("temperature", asked.temperature),
        ...present("topP", asked.top_p),
        ...present("presencePenalty", asked.presence_penalty),
        ...present("frequencyPenalty", asked.frequency_penalty),
        ...present("seed", asked.seed),
        ...present("stopSequences", typeof asked.stop === "string" ? [asked.stop] : asked.stop),
      },
    },
  });
}

function present<Name extends string, Value>(
  name: Name,
  value: Value | null | undefined,
): Partial<Record<Name, Value>> {
  const named: Partial<Record<Name, Value>> = {};
  if (value !== null && value !== undefined) named[name] = value;
  return named;
}

function textOf(value: z.infer<typeof content>): string {
  return typeof value === "string" ? value : value.map((part) => part.text).join("");
}

function promptMessage({ role, content: said }: z.infer<typeof messageSchema>): LanguageModelV4Message {
  const text = textOf(said);
  if (role === "system" || role === "developer") return { role: "system", content: text };
  return { role, content: [{ type: "text", text }] };
}
