/** Talks to the embedded model server the way a client would. */
import { createParser } from "eventsource-parser";
import * as z from "zod";
import {
  startModelServer,
  type ModelServer,
  type ModelServerOptions,
} from "../../dev/model-server/server.ts";

export const TEXT =
  "Hi, Dana Whitfield here from Acme Corp in Berlin. The export fails since Tuesday and our audit is on Friday. This is really bad. Can you help?";

const open: ModelServer[] = [];

export async function modelServer(options: ModelServerOptions = {}): Promise<ModelServer> {
  const server = await startModelServer({ port: 0, tokenDelayMs: 0, ...options });
  open.push(server);
  return server;
}

export async function closeAll(): Promise<void> {
  await Promise.all(open.splice(0).map((server) => server.close()));
}

export interface Asked {
  readonly text?: string;
  readonly headers?: Record<string, string>;
  readonly signal?: AbortSignal;
  /** Any further field of the request. */
  readonly [field: string]: unknown;
}

export function ask(server: ModelServer, asked: Asked = {}): Promise<Response> {
  const { text = TEXT, headers = {}, signal, ...fields } = asked;
  const messages = [
    { role: "system", content: "Summarise." },
    { role: "user", content: text },
  ];
  return post(server, { model: "sluice-standin-1", messages, ...fields }, headers, signal);
}

export function post(
  server: ModelServer,
  body: unknown,
  headers: Record<string, string> = {},
  signal: AbortSignal | null = null,
): Promise<Response> {
  return fetch(`${server.url}/v1/chat/completions`, {
    method: "POST",
    body: typeof body === "string" ? body : JSON.stringify(body),
    headers: { "content-type": "application/json", ...headers },
    signal,
  });
}

export function arm(server: ModelServer, fault: Record<string, unknown>): Promise<Response> {
  return fetch(`${server.url}/__control/faults`, { method: "POST", body: JSON.stringify(fault) });
}

const completionSchema = z.object({
  id: z.string(),
  object: z.literal("chat.completion"),
  model: z.string(),
  choices: z.tuple([
    z.object({
      index: z.literal(0),
      message: z.object({
        role: z.literal("assistant"),
        content: z.string().nullable(),
        refusal: z.string().nullable(),
      }),
      finish_reason: z.string(),
    }),
  ]),
  usage: z.object({ prompt_tokens: z.int(), completion_tokens: z.int(), total_tokens: z.int() }),
});

export async function readCompletion(response: Response): Promise<z.output<typeof completionSchema>> {
  return completionSchema.parse(await response.json());
}

const chunkSchema = z.object({
  id: z.string(),
  object: z.literal("chat.completion.chunk"),
  model: z.string(),
  choices: z.array(
    z.object({
      index: z.literal(0),
      delta: z.object({
        role: z.string().optional(),
        content: z.string().optional(),
        refusal: z.string().optional(),
      }),
      finish_reason: z.string().nullable(),
    }),
  ),
  usage: z.object({ prompt_tokens: z.int(), completion_tokens: z.int(), total_tokens: z.int() }).nullish(),
});

export type Chunk = z.output<typeof chunkSchema>;

export interface ReadStream {
  readonly chunks: readonly Chunk[];
  /** The data of every event, `[DONE]` and errors included. */
  readonly events: readonly string[];
  readonly text: string;
  /** What reading ended with, if not with the stream's end. */
  readonly failure: unknown;
}

export async function readStream(response: Response): Promise<ReadStream> {
  const events: string[] = [];
  const parser = createParser({ onEvent: (event) => events.push(event.data) });
  const decoder = new TextDecoder();
  let failure: unknown = null;
  try {
    for await (const bytes of response.body ?? []) parser.feed(decoder.decode(bytes, { stream: true }));
  } catch (error) {
    failure = error;
  }
  const chunks = events.flatMap((event) => {
    const parsed = event === "[DONE]" ? null : chunkSchema.safeParse(JSON.parse(event));
    return parsed?.success === true ? [parsed.data] : [];
  });
  const text = chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join("");
  return { chunks, events, text, failure };
}
