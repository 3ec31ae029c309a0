/** A model endpoint on a real socket that never ends a connection itself, and notes when the other side did. */
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface UpstreamCall {
  readonly path: string;
  /** Settles with the time at which the caller's end of the call was seen. */
  readonly closed: Promise<number>;
}

export interface OpenUpstream {
  readonly url: string;
  readonly calls: readonly UpstreamCall[];
  /** The nth call (from 0), once it has come. */
  call(index: number): Promise<UpstreamCall>;
  close(): Promise<void>;
}

export interface Behaviour {
  /** What is answered at once. Absent: not even headers. */
  readonly text?: string;
  /** Written again and again from then on. */
  readonly drip?: string;
  readonly dripMs?: number;
}

export async function startOpenUpstream(
  behave: (path: string, body: string, call: UpstreamCall) => Behaviour,
): Promise<OpenUpstream> {
  const calls: UpstreamCall[] = [];
  const waiting = new Map<number, PromiseWithResolvers<UpstreamCall>>();
  const waitFor = (index: number) => {
    const wait = waiting.get(index) ?? Promise.withResolvers<UpstreamCall>();
    waiting.set(index, wait);
    return wait;
  };
  const server = createServer((request, response) => {
    const closed = Promise.withResolvers<number>();
    response.once("close", () => closed.resolve(Date.now()));
    const call = { path: request.url ?? "", closed: closed.promise };
    calls.push(call);
    let body = "";
    request.on("data", (chunk) => (body += String(chunk)));
    request.on("end", () => {
      answer(response, behave(call.path, body, call));
      waitFor(calls.indexOf(call)).resolve(call);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo; // it listens on TCP
  return {
    url: `http://127.0.0.1:${port}`,
    calls,
    call: (index) => waitFor(index).promise,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function answer(response: ServerResponse, { text, drip, dripMs = 50 }: Behaviour): void {
  if (text === undefined) return;
  response.writeHead(200, { "content-type": "text/event-stream" });
  response.flushHeaders();
  response.write(text);
  if (drip === undefined) return;
  const timer = setInterval(() => response.write(drip), dripMs);
  response.once("close", () => clearInterval(timer));
}
