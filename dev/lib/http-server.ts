/**
 * The few lines of HTTP that the model server and the sink share. Knows nothing about either, and never
 * lets a handler's failure go unanswered.
 */
import { createServer, type IncomingMessage, type OutgoingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { err, messageOf, ok, type Result } from "../../src/core/result.ts";

export interface RunningServer {
  readonly url: string;
  readonly port: number;
  /** Ends open connections too: a server under test must not outlive it. */
  close(): Promise<void>;
}

export interface ListenOptions {
  /** 0 takes a free port. */
  readonly port: number;
  readonly host: string;
}

export type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

const KEEP_ALIVE_MS = 75_000;

export async function listen(handler: Handler, options: ListenOptions): Promise<RunningServer> {
  const server = createServer((request, response) => {
    handler(request, response).catch((error: unknown) => {
      console.error(`${request.method} ${request.url}: ${messageOf(error)}`);
      if (response.headersSent) response.destroy();
      else sendJson(response, 500, { error: { message: "internal error" } });
    });
  });
  // Longer than callers keep idle connections: one that is closed as it is used again looks like a broken network.
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, options.host, resolve);
  });
  // A TCP server that listens always has an AddressInfo; a string is for pipes alone.
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `http://${options.host}:${port}`,
    close: () =>
      new Promise((resolve, reject) => {
        server.close((error) => (error === undefined ? resolve() : reject(error)));
        server.closeAllConnections();
      }),
  };
}

export type BodyFailure = "too-large" | "aborted";

export async function readBody(
  request: IncomingMessage,
  maxBytes: number,
): Promise<Result<Buffer, BodyFailure>> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of request) {
      // Without an encoding set, a request yields Buffers.
      const buffer = chunk as Buffer;
      bytes += buffer.length;
      if (bytes > maxBytes) return err("too-large");
      chunks.push(buffer);
    }
  } catch {
    return err("aborted");
  }
  return ok(Buffer.concat(chunks));
}

export function sendJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: OutgoingHttpHeaders = {},
): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    ...headers,
    "content-type": "application/json; charset=utf-8",
    "content-length": Buffer.byteLength(text),
  });
  response.end(text);
}

/** Aborts when the other side goes away before the answer is complete. */
export function clientGone(response: ServerResponse): AbortSignal {
  const controller = new AbortController();
  response.once("close", () => {
    if (!response.writableFinished) controller.abort(new Error("the client went away"));
  });
  return controller.signal;
}

export function pathOf(request: IncomingMessage): string {
  return new URL(request.url ?? "/", "http://dev.invalid").pathname;
}

/** A header's value; repeated ones are joined the way HTTP allows. */
export function headerOf(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(", ") : value;
}

export function bearerOf(request: IncomingMessage): string | undefined {
  return /^Bearer (.+)$/.exec(headerOf(request, "authorization") ?? "")?.[1];
}
