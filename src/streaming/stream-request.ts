/** The body of `POST /v1/streams`, parsed, and as the prompt a model takes. */
import type { LanguageModelV4Message } from "@ai-sdk/provider";
import * as z from "zod";
import { LIMITS } from "../config/limits.ts";
import { err, ok, type Result } from "../core/result.ts";
import type { Problem } from "../platform/problem.ts";
import type { StreamRequest } from "./port.ts";

const messageSchema = z.strictObject({
  role: z.enum(["system", "user", "assistant"]),
  content: z.string().min(1),
});

const parameters = {
  /** A name from the gateway's `models`, never a provider's. */
  model: z.string().min(1).max(63),
  temperature: z.optional(z.number().min(0).max(2)),
  maxOutputTokens: z.optional(z.int().min(1).max(LIMITS.streams.maxOutputTokens)),
};

const ways = {
  /** false: relayed and stored nowhere; it ends with the one connection it has. */
  resumable: z.optional(z.boolean()),
  /** Whose stream it is, for `GET /v1/streams?user=` and the limits per user. */
  user: z.optional(z.string().min(1).max(LIMITS.streams.maxUserCharacters)),
  /** What becomes of an answer whose object died: an explicit error, or a rewind and a new answer. The prompt is stored for that. */
  onInterruption: z.optional(z.enum(["end", "reask"])),
};

const requestSchema = z.union([
  z.strictObject({ ...parameters, ...ways, messages: z.array(messageSchema).min(1) }),
  z.strictObject({ ...parameters, ...ways, input: z.string().min(1) }),
  z.strictObject({ ...ways, pipeline: z.string().min(1).max(63), input: z.json() }),
]);

export interface ParsedStream {
  /** What a model is asked, or whose prompt makes that. */
  readonly asked: StreamRequest | PipelineInput;
  readonly resumable: boolean;
  readonly user: string | null;
  readonly onInterruption: "end" | "reask";
}

/** Its schema, look-ups, prompt and model are used; nothing is delivered or recorded as an event. */
export interface PipelineInput {
  readonly pipeline: string;
  readonly input: unknown;
}

export function parseJsonBody(body: Uint8Array): Result<unknown, Problem> {
  try {
    return ok(JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(body)));
  } catch {
    return err({ status: 400, code: "malformed-body", title: "The body is not JSON" });
  }
}

export function parseStreamRequest(body: Uint8Array): Result<ParsedStream, Problem> {
  const value = parseJsonBody(body);
  if (!value.ok) return value;
  const parsed = requestSchema.safeParse(value.value);
  if (!parsed.success) {
    const detail =
      'Send {"model", "messages": [{"role", "content"}]}, {"model", "input"} or {"pipeline", "input"}.';
    const title = "The request does not fit its schema";
    return err({ status: 422, code: "invalid-request", title, detail });
  }
  const { resumable = true, user = null, onInterruption = "end" } = parsed.data;
  return ok({ asked: askedOf(parsed.data), resumable, user, onInterruption });
}

function askedOf(data: z.infer<typeof requestSchema>): StreamRequest | PipelineInput {
  if ("pipeline" in data) return { pipeline: data.pipeline, input: data.input };
  const { model, temperature, maxOutputTokens } = data;
  const messages = "messages" in data ? data.messages : [{ role: "user" as const, content: data.input }];
  return {
    model,
    texts: messages.map((message) => message.content),
    options: {
      prompt: messages.map(promptMessage),
      ...(temperature === undefined ? {} : { temperature }),
      ...(maxOutputTokens === undefined ? {} : { maxOutputTokens }),
    },
  };
}

function promptMessage({ role, content }: z.infer<typeof messageSchema>): LanguageModelV4Message {
  if (role === "system") return { role, content };
  return { role, content: [{ type: "text", text: content }] };
}
