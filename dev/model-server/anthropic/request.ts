/** The Messages request as Anthropic documents it, parsed. What the stand-in cannot do is refused, not ignored. */
import * as z from "zod";
import { isJsonObject } from "../../../src/core/json.ts";
import { err, ok, type Result } from "../../../src/core/result.ts";
import { badRequest, type ApiError } from "../api-error.ts";
import type { AnswerFormat, ChatRequest } from "../chat-request.ts";

const textBlock = z.object({ type: z.literal("text"), text: z.string() });
const content = z.union([z.string(), z.array(textBlock)]);
const schema = z.record(z.string(), z.json());

const messagesBody = z.object({
  model: z.string().min(1),
  max_tokens: z.int().min(1),
  system: content.nullish(),
  messages: z.array(z.object({ role: z.enum(["user", "assistant"]), content })).min(1),
  stream: z.boolean().nullish(),
  stop_sequences: z.array(z.string()).nullish(),
  temperature: z.number().min(0).max(1).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  output_config: z
    .object({ format: z.object({ type: z.literal("json_schema"), schema }).nullish() })
    .nullish(),
  tools: z.array(z.object({ name: z.string().min(1), input_schema: schema })).nullish(),
  tool_choice: z
    .object({ type: z.enum(["auto", "any", "tool", "none"]), name: z.string().optional() })
    .nullish(),
});

export interface MessagesRequest {
  readonly request: ChatRequest;
  /** The tool the answer has to be a call of; null for an answer in words. */
  readonly toolName: string | null;
}

export function parseMessagesRequest(body: string): Result<MessagesRequest, ApiError> {
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch {
    return err(badRequest("The request body is not valid JSON", null, null));
  }
  if (!isJsonObject(json)) return err(badRequest("Input should be an object", null, null));
  const parsed = messagesBody.safeParse(json);
  if (!parsed.success) return err(explain(parsed.error));
  return toRequest(parsed.data);
}

function toRequest(body: z.output<typeof messagesBody>): Result<MessagesRequest, ApiError> {
  const forced = forcedTool(body);
  if (!forced.ok) return forced;
  const tool = forced.value;
  const { system } = body;
  const messages = [
    ...(system === undefined || system === null ? [] : [{ role: "system", text: textOf(system) }]),
    ...body.messages.map((message) => ({ role: message.role, text: textOf(message.content) })),
  ];
  const request = {
    model: body.model,
    messages,
    stream: body.stream ?? false,
    includeUsage: true,
    maxOutputTokens: body.max_tokens,
    stop: body.stop_sequences ?? [],
    format: formatOf(body, tool),
  };
  return ok({ request, toolName: tool?.name ?? null });
}

type Tool = NonNullable<z.output<typeof messagesBody>["tools"]>[number];

/** A tool that has to be called is a way to ask for JSON; one that may be called is more than the stand-in can do. */
function forcedTool(body: z.output<typeof messagesBody>): Result<Tool | null, ApiError> {
  const { tools, tool_choice: choice } = body;
  const [first] = tools ?? [];
  if (first === undefined || choice?.type === "none") return ok(null);
  if (choice?.type === "any") return ok(first);
  const named = tools?.find((tool) => choice?.type === "tool" && tool.name === choice.name);
  if (named !== undefined) return ok(named);
  return err(
    badRequest("tool_choice: the stand-in only calls a tool that it has to call", "tool_choice", null),
  );
}

function formatOf(body: z.output<typeof messagesBody>, tool: Tool | null): AnswerFormat {
  if (tool !== null) return { kind: "schema", name: tool.name, schema: tool.input_schema };
  const format = body.output_config?.format;
  return format === undefined || format === null
    ? { kind: "text" }
    : { kind: "schema", name: "output", schema: format.schema };
}

function textOf(value: z.output<typeof content>): string {
  return typeof value === "string" ? value : value.map((block) => block.text).join("\n");
}

/** `messages.0.role: Input should be …`, as Anthropic words it. */
function explain(error: z.ZodError): ApiError {
  const [issue] = error.issues;
  if (issue === undefined) return badRequest("The request is invalid", null, null);
  const path = issue.path.map((part) => String(part)).join(".");
  return badRequest(`${path}: ${issue.message}`, path, null);
}
