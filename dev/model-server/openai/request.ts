/** The request as OpenAI documents it, parsed. What the stand-in cannot do is refused, not ignored. */
import * as z from "zod";
import { isJsonObject, type JsonObject } from "../../../src/core/json.ts";
import { err, ok, unreachable, type Result } from "../../../src/core/result.ts";
import { badRequest, type ApiError } from "../api-error.ts";
import type { AnswerFormat, ChatRequest } from "../chat-request.ts";

const textPart = z.object({ type: z.literal("text"), text: z.string() });
const message = z.object({
  role: z.enum(["system", "developer", "user", "assistant", "tool"]),
  content: z.union([z.string(), z.array(textPart)]).nullish(),
});
const jsonSchemaFormat = z.object({
  type: z.literal("json_schema"),
  json_schema: z.object({ name: z.string().min(1), schema: z.record(z.string(), z.json()) }),
});
const responseFormat = z.discriminatedUnion("type", [
  z.object({ type: z.literal("text") }),
  z.object({ type: z.literal("json_object") }),
  jsonSchemaFormat,
]);
const tokenCount = z.int().min(1);

const chatBody = z.object({
  model: z.string().min(1),
  messages: z.array(message).min(1),
  stream: z.boolean().nullish(),
  stream_options: z.object({ include_usage: z.boolean().nullish() }).nullish(),
  max_tokens: tokenCount.nullish(),
  max_completion_tokens: tokenCount.nullish(),
  stop: z.union([z.string(), z.array(z.string()).max(4)]).nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  n: z.literal(1).nullish(),
  response_format: responseFormat.nullish(),
});

/** These change what an answer is; without them it would be a wrong one. */
const UNSUPPORTED = ["tools", "functions", "audio", "modalities", "logprobs"] as const;

export function parseChatRequest(body: string): Result<ChatRequest, ApiError> {
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch {
    return err(badRequest("We could not parse the JSON body of your request.", null, null));
  }
  if (!isJsonObject(json)) return err(badRequest("The body has to be a JSON object.", null, "invalid_type"));
  for (const name of UNSUPPORTED) {
    const value = json[name];
    const isUsed = Array.isArray(value)
      ? value.length > 0
      : value !== undefined && value !== null && value !== false;
    if (isUsed) {
      return err(badRequest(`The stand-in does not support '${name}'.`, name, "unsupported_parameter"));
    }
  }
  const parsed = chatBody.safeParse(json);
  return parsed.success ? ok(toRequest(parsed.data)) : err(explain(parsed.error, json));
}

function toRequest(body: z.output<typeof chatBody>): ChatRequest {
  return {
    model: body.model,
    messages: body.messages.map(({ role, content }) => ({
      role,
      text: typeof content === "string" ? content : (content ?? []).map((part) => part.text).join("\n"),
    })),
    stream: body.stream ?? false,
    includeUsage: body.stream_options?.include_usage ?? false,
    maxOutputTokens: body.max_completion_tokens ?? body.max_tokens ?? null,
    stop: typeof body.stop === "string" ? [body.stop] : (body.stop ?? []),
    format: toFormat(body.response_format ?? { type: "text" }),
  };
}

function toFormat(format: z.output<typeof responseFormat>): AnswerFormat {
  switch (format.type) {
    case "json_schema":
      return { kind: "schema", name: format.json_schema.name, schema: format.json_schema.schema };
    case "json_object":
      return { kind: "json" };
    case "text":
      return { kind: "text" };
    default:
      return unreachable(format);
  }
}

/** OpenAI names the parameter and says whether it is missing or wrong. */
function explain(error: z.ZodError, body: JsonObject): ApiError {
  const [issue] = error.issues;
  if (issue === undefined) return badRequest("The request is invalid.", null, null);
  const param = issue.path.map((part) => String(part)).join(".");
  const isMissing = issue.path.length === 1 && body[String(issue.path[0])] === undefined;
  if (isMissing) {
    return badRequest(`Missing required parameter: '${param}'.`, param, "missing_required_parameter");
  }
  const code = issue.code === "invalid_type" ? "invalid_type" : "invalid_value";
  return badRequest(`Invalid value for '${param}': ${issue.message}.`, param, code);
}
