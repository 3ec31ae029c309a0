/** The generateContent request as Google documents it, parsed. What the stand-in cannot do is refused, not ignored. */
import * as z from "zod";
import { isJsonObject } from "../../../src/core/json.ts";
import { err, ok, type Result } from "../../../src/core/result.ts";
import { badRequest, type ApiError } from "../api-error.ts";
import type { AnswerFormat, ChatRequest } from "../chat-request.ts";
import { toJsonSchema } from "./json-schema.ts";

const parts = z.array(z.object({ text: z.string() }));
const content = z.object({ role: z.enum(["user", "model"]).optional(), parts });
const schema = z.record(z.string(), z.json());

const generateBody = z.object({
  contents: z.array(content).min(1),
  systemInstruction: z.object({ parts }).nullish(),
  generationConfig: z
    .object({
      maxOutputTokens: z.int().min(1).nullish(),
      temperature: z.number().min(0).max(2).nullish(),
      topP: z.number().min(0).max(1).nullish(),
      candidateCount: z.literal(1).nullish(),
      stopSequences: z.array(z.string()).max(5).nullish(),
      responseMimeType: z.enum(["text/plain", "application/json"]).nullish(),
      responseJsonSchema: schema.nullish(),
      responseSchema: schema.nullish(),
    })
    .nullish(),
  tools: z.array(z.unknown()).max(0).nullish(),
});

const PATH = /^\/v1(?:beta)?\/models\/([^/:]+):(generateContent|streamGenerateContent)$/;

export function isGeminiPath(path: string): boolean {
  return PATH.test(path);
}

export function parseGenerateRequest(body: string, url: URL): Result<ChatRequest, ApiError> {
  const [, model = "", method = ""] = PATH.exec(url.pathname) ?? [];
  const isStream = method === "streamGenerateContent";
  if (isStream && url.searchParams.get("alt") !== "sse") {
    return err(badRequest("The stand-in streams server-sent events only: use alt=sse.", null, null));
  }
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch {
    return err(badRequest("Invalid JSON payload received.", null, null));
  }
  if (!isJsonObject(json)) return err(badRequest("Invalid JSON payload received.", null, null));
  const parsed = generateBody.safeParse(json);
  if (!parsed.success) return err(explain(parsed.error));
  const { systemInstruction, contents, generationConfig } = parsed.data;
  return ok({
    model: decodeURIComponent(model),
    messages: [
      ...(systemInstruction === undefined || systemInstruction === null
        ? []
        : [{ role: "system", text: textOf(systemInstruction.parts) }]),
      ...contents.map((one) => ({
        role: one.role === "model" ? "assistant" : "user",
        text: textOf(one.parts),
      })),
    ],
    stream: isStream,
    includeUsage: true,
    maxOutputTokens: generationConfig?.maxOutputTokens ?? null,
    stop: generationConfig?.stopSequences ?? [],
    format: formatOf(generationConfig ?? {}),
  });
}

function formatOf(config: NonNullable<z.output<typeof generateBody>["generationConfig"]>): AnswerFormat {
  if (config.responseMimeType !== "application/json") return { kind: "text" };
  const { responseJsonSchema, responseSchema } = config;
  if (responseJsonSchema !== undefined && responseJsonSchema !== null) {
    return { kind: "schema", name: "response", schema: responseJsonSchema };
  }
  if (responseSchema === undefined || responseSchema === null) return { kind: "json" };
  return { kind: "schema", name: "response", schema: toJsonSchema(responseSchema) };
}

function textOf(list: z.output<typeof parts>): string {
  return list.map((part) => part.text).join("\n");
}

function explain(error: z.ZodError): ApiError {
  const [issue] = error.issues;
  if (issue === undefined) return badRequest("Request contains an invalid argument.", null, null);
  const path = issue.path.map((part) => String(part)).join(".");
  return badRequest(`Invalid value at '${path}': ${issue.message}`, path, null);
}
