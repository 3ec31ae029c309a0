/** What is asked of the stand-in, whichever API asked. */
import type { JsonObject } from "../../src/core/json.ts";
import type { ChatMessage } from "./prompt.ts";

export type AnswerFormat =
  | { readonly kind: "text" }
  | { readonly kind: "json" }
  | { readonly kind: "schema"; readonly name: string; readonly schema: JsonObject };

export interface ChatRequest {
  readonly model: string;
  readonly messages: readonly ChatMessage[];
  readonly stream: boolean;
  readonly includeUsage: boolean;
  readonly maxOutputTokens: number | null;
  readonly stop: readonly string[];
  readonly format: AnswerFormat;
}
