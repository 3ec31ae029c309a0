/**
 * A chat page and the backend behind it, as a deployer would write them: the backend holds the gateway's API token, starts
 * streams and hands out their own tokens; the page reads from the gateway itself, and comes back to a stream when it was
 * reloaded. For development; nobody is asked who they are.
 */
import { readFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import path from "node:path";
import { build } from "esbuild";
import * as z from "zod";
import { listen, pathOf, readBody, sendJson, type RunningServer } from "../lib/http-server.ts";
import { DEV_LIMITS } from "../lib/limits.ts";
import { createChats, type Chats } from "./chats.ts";
import type { GatewayAccess } from "./gateway.ts";

export interface ChatPageOptions {
  /** 0 takes a free port. */
  readonly port: number;
  /** Called when the page is used: the gateway may be started after it, because it has to know the page's origin. */
  readonly gateway: () => GatewayAccess;
}

const PAGE = path.join(import.meta.dirname, "page");
const CHAT_PATH = /^\/api\/chats\/([A-Za-z0-9-]{1,64})(\/stream)?$/;
const questionSchema = z.object({ question: z.string().trim().min(1).max(20_000) });

export async function startChatPage({ port, gateway }: ChatPageOptions): Promise<RunningServer> {
  const files = new Map([
    ["/", { type: "text/html; charset=utf-8", text: await readFile(path.join(PAGE, "index.html"), "utf8") }],
    ["/chat.js", { type: "text/javascript; charset=utf-8", text: await bundle(path.join(PAGE, "chat.tsx")) }],
  ]);
  let chats: Chats | undefined;
  return listen(
    async (request, response) => {
      const file = files.get(pathOf(request));
      if (file !== undefined) {
        response.writeHead(200, { "content-type": file.type, "cache-control": "no-store" }).end(file.text);
        return;
      }
      chats ??= createChats(gateway());
      await answerApi(chats, request, response);
    },
    { port, host: "127.0.0.1" },
  );
}

async function bundle(entry: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: "esm",
    target: "es2022",
    jsx: "automatic",
    // The repository's own settings are the Worker's.
    tsconfigRaw: { compilerOptions: { jsx: "react-jsx", jsxImportSource: "react" } },
    minify: true,
    define: { "process.env.NODE_ENV": '"production"' },
  });
  return outputFiles.map(({ text }) => text).join("\n");
}

async function answerApi(chats: Chats, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [, chatId, stream] = CHAT_PATH.exec(pathOf(request)) ?? [];
  if (chatId === undefined) return sendJson(response, 404, { error: "nothing here" });
  if (request.method === "POST" && stream === undefined) {
    const question = questionSchema.safeParse(await jsonBody(request));
    if (!question.success) return sendJson(response, 400, { error: "ask something" });
    const started = await chats.ask(chatId, question.data.question);
    return "id" in started
      ? sendJson(response, 201, started)
      : sendJson(response, started.status, { error: started.detail });
  }
  if (request.method !== "GET") return sendJson(response, 405, { error: "GET or POST" });
  if (stream === undefined) return sendJson(response, 200, { turns: chats.turns(chatId) });
  const active = chats.active(chatId);
  if (active !== null) return sendJson(response, 200, active);
  // As useChat wants it: nothing to go on with.
  response.writeHead(204).end();
}

async function jsonBody(request: IncomingMessage): Promise<unknown> {
  const body = await readBody(request, DEV_LIMITS.maxBodyBytes);
  if (!body.ok) return undefined;
  try {
    return JSON.parse(body.value.toString("utf8"));
  } catch {
    return undefined;
  }
}
