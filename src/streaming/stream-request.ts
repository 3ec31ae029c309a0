/** The body of `POST /v1/streams`, parsed, and as the prompt a model takes. */
import type { LanguageModelV4CallOptions, LanguageModelV4Message } from "@ai-sdk/provider";
import * as z from "zod";
import { LIMITS } from "../config/limits.ts";
import { err, ok, type Result } from "../core/result.ts";
import type { Problem } from "../platform/problem.ts";

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
};

const requestSchema = z.union([
  z.strictObject({ ...parameters, ...ways, messages: z.array(messageSchema).min(1) }),
  z.strictObject({ ...parameters, ...ways, input: z.string().min(1) }),
]);

/** What is asked of a model. Plain data: it travels to a stream's object as it is. */
export interface StreamRequest {
  readonly model: string;
  readonly options: LanguageModelV4CallOptions;
  /** For the reservation. */
  readonly texts: readonly string[];
}

export interface ParsedStream {
  readonly request: StreamRequest;
  readonly resumable: boolean;
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
    const detail = 'Send {"model", "messages": [{"role", "content"}]} or {"model", "input"}.';
    const title = "The request does not fit its schema";
    return err({ status: 422, code: "invalid-request", title, detail });
  }
  const { model, temperature, maxOutputTokens, resumable = true } = parsed.data;
  const messages =
    "input" in parsed.data ? [{ role: "user" as const, content: parsed.data.input }] : parsed.data.messages;
  const request: StreamRequest = {
    model,
    texts: messages.map((message) => message.content),
    options: {
      prompt: messages.map(promptMessage),
      ...(temperature === undefined ? {} : { temperature }),
      ...(maxOutputTokens === undefined ? {} : { maxOutputTokens }),
    },
  };
  return ok({ request, resumable });
}

function promptMessage({ role, content }: z.infer<typeof messageSchema>): LanguageModelV4Message {
  if (role === "system") return { role, content };
  return { role, content: [{ type: "text", text: content }] };
}
