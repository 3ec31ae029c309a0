/** What is recorded of a call: enough to count, compare and blame; of the prompt only a hash and its start. */
import { createHash } from "node:crypto";
import * as z from "zod";
import type { RecordBook } from "../lib/record-book.ts";
import type { ChatMessage } from "./prompt.ts";

const TEXT_START_CHARACTERS = 80;

const modelCallSchema = z.object({
  id: z.string(),
  atMs: z.number(),
  model: z.string(),
  /** SHA-256 over all messages: equal prompts have equal hashes. */
  textHash: z.string(),
  /** Of the user's text. */
  textStart: z.string(),
  stream: z.boolean(),
  /** Null until answered, and for good when the client left before. */
  status: z.number().nullable(),
  finishedAtMs: z.number().nullable(),
  /** When the client went away before the answer was complete. */
  abortedAtMs: z.number().nullable(),
  promptTokens: z.number(),
  completionTokens: z.number(),
  /** The fault that was used on it. */
  fault: z.string().nullable(),
});

export type ModelCall = Readonly<z.output<typeof modelCallSchema>>;

export function parseModelCall(value: unknown): ModelCall | null {
  const parsed = modelCallSchema.safeParse(value);
  return parsed.success ? parsed.data : null;
}

export interface CallLog {
  /** Once a call has ended nothing about it changes any more. */
  update(change: Partial<ModelCall>): void;
}

export function beginCall(
  book: RecordBook<ModelCall>,
  about: Pick<ModelCall, "id" | "atMs" | "model" | "stream"> & { readonly messages: readonly ChatMessage[] },
): CallLog {
  const { messages, ...known } = about;
  const user = messages.filter((message) => message.role === "user").map((message) => message.text);
  let call: ModelCall = {
    ...known,
    textHash: createHash("sha256")
      .update(messages.map((message) => message.text).join("\0"))
      .digest("hex"),
    textStart: user.join("\n").slice(0, TEXT_START_CHARACTERS),
    status: null,
    finishedAtMs: null,
    abortedAtMs: null,
    promptTokens: 0,
    completionTokens: 0,
    fault: null,
  };
  book.put(call);
  return {
    update(change) {
      if (call.finishedAtMs !== null || call.abortedAtMs !== null) return;
      call = { ...call, ...change };
      book.put(call);
    },
  };
}
