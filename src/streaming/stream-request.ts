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

const requestSchema = z.union([
  z.strictObject({ ...parameters, messages: z.array(messageSchema).min(1) }),
  z.strictObject({ ...parameters, input: z.string().min(1) }),
]);

export interface StreamRequest {
  readonly model: string;
  readonly options: LanguageModelV4CallOptions;
  /** For the reservation. */
  readonly texts: readonly string[];
}

export function parseStreamRequest(body: Uint8Array): Result<StreamRequest, Problem> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(body));
  } catch {
    return err({ status: 400, code: "malformed-body", title: "The body is not JSON" });
  }
  const parsed = requestSchema.safeParse(value);
  if (!parsed.success) {
    const detail = 'Send {"model", "messages": [{"role", "content"}]} or {"model", "input"}.';
    const title = "The request does not fit its schema";
    return err({ status: 422, code: "invalid-request", title, detail });
  }
  const { model, temperature, maxOutputTokens } = parsed.data;
  const messages =
    "input" in parsed.data ? [{ role: "user" as const, content: parsed.data.input }] : parsed.data.messages;
  return ok({
    model,
    texts: messages.map((message) => message.content),
    options: {
      prompt: messages.map(promptMessage),
      ...(temperature === undefined ? {} : { temperature }),
      ...(maxOutputTokens === undefined ? {} : { maxOutputTokens }),
    },
  });
}

function promptMessage({ role, content }: z.infer<typeof messageSchema>): LanguageModelV4Message {
  if (role === "system") return { role, content };
  return { role, content: [{ type: "text", text: content }] };
}
