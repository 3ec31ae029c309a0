/**
 * The body of `POST /v1/chat/completions`, as OpenAI's clients send it. What would change the answer and cannot be done is refused by its name; a
 * member whose value asks for nothing (`store: false`, `tools: []`, `logprobs: false`) is taken as it is meant.
 *   https://platform.openai.com/docs/api-reference/chat/create
 */
import type { LanguageModelV4Message } from "@ai-sdk/provider";
import * as z from "zod";
import { LIMITS } from "../config/limits.ts";
import { err, ok, type Result } from "../core/result.ts";
import type { Problem } from "../platform/problem.ts";
import type { StreamRequest } from "./port.ts";
import { parseJsonBody } from "./stream-request.ts";

const textParts = z.array(z.strictObject({ type: z.literal("text"), text: z.string() })).min(1);
const content = z.union([z.string(), textParts]);

const none = z.null();
const emptyList = z.nullish(z.array(z.unknown()).max(0, { error: "is not supported" }));

const askedSchema = z.strictObject({
  role: z.enum(["system", "developer", "user"]),
  content,
  name: z.nullish(z.string()),
});

/** History as this API, and any other of its kind, has answered it. */
const answeredSchema = z.strictObject({
  role: z.literal("assistant"),
  content: z.union([z.string(), textParts, none]).optional(),
  refusal: z.nullish(z.string()),
  name: z.nullish(z.string()),
  annotations: emptyList,
  tool_calls: emptyList,
  function_call: z.optional(none),
  audio: z.optional(none),
  /** Never part of a prompt: models that reason refuse their own thoughts as input. */
  reasoning: z.optional(z.unknown()),
  reasoning_content: z.optional(z.unknown()),
  reasoning_details: z.optional(z.unknown()),
});

const messageSchema = z.discriminatedUnion("role", [askedSchema, answeredSchema]);

const tokens = z.nullish(z.int().min(1).max(LIMITS.streams.maxOutputTokens));
const number = z.nullish(z.number());

/** Members of the API that may be sent as long as they ask for nothing that is not done. */
const idleMembers = {
  store: z.nullish(z.literal(false)),
  metadata: z.nullish(z.record(z.string(), z.unknown())),
  tools: emptyList,
  functions: emptyList,
  // Without tools, every choice is the same.
  tool_choice: z.nullish(z.enum(["none", "auto"])),
  function_call: z.nullish(z.enum(["none", "auto"])),
  parallel_tool_calls: z.nullish(z.boolean()),
  logprobs: z.nullish(z.literal(false)),
  top_logprobs: z.nullish(z.literal(0)),
  logit_bias: z.nullish(z.strictObject({})),
  modalities: z.nullish(z.tuple([z.literal("text")])),
  service_tier: z.nullish(z.enum(["auto", "default"])),
  verbosity: z.nullish(z.literal("medium")),
  safety_identifier: z.nullish(z.string()),
  prompt_cache_key: z.nullish(z.string()),
  prompt_cache_retention: z.nullish(z.string()),
  audio: z.optional(none),
  prediction: z.optional(none),
  reasoning_effort: z.optional(none),
  web_search_options: z.optional(none),
} as const;

const chatSchema = z.strictObject({
  /** A name from the gateway's `models`. */
  model: z.string().min(1).max(63),
  messages: z.array(messageSchema).min(1),
  stream: z.nullish(z.boolean()),
  stream_options: z.nullish(
    z.strictObject({ include_usage: z.nullish(z.boolean()), include_obfuscation: z.nullish(z.boolean()) }),
  ),
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
  ...idleMembers,
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
  const texts = asked.messages.map(textOf);
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

type Message = z.infer<typeof messageSchema>;

/** A refusal is what the assistant said. */
function textOf(message: Message): string {
  const said = message.content ?? (message.role === "assistant" ? message.refusal : null) ?? "";
  return typeof said === "string" ? said : said.map((part) => part.text).join("");
}

function promptMessage(message: Message): LanguageModelV4Message {
  const { role } = message;
  const text = textOf(message);
  if (role === "system" || role === "developer") return { role: "system", content: text };
  return { role, content: [{ type: "text", text }] };
}
