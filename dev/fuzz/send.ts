/** Sends requests over a socket as they are: `fetch` would mend most of them. */
import { Agent, request as httpRequest } from "node:http";
import type { FuzzAnswer } from "./judge.ts";
import type { FuzzRequest } from "./request.ts";

const agent = new Agent({ keepAlive: true, maxSockets: 16 });
const ANSWER_WITHIN_MS = 20_000;

/** @returns null where the connection ended without an answer */
export function sendRaw(origin: string, { method, path, headers, body, isCutShort = false }: FuzzRequest) {
  const { hostname, port, host } = new URL(origin);
  const announcedBytes = isCutShort ? body.length + 10 : body.length;
  const lines = [
    ["host", host] as const,
    ...headers,
    ...(body.length === 0 && !isCutShort ? [] : [["content-length", String(announcedBytes)] as const]),
  ];
  return new Promise<FuzzAnswer | null>((resolve) => {
    const outgoing = httpRequest({
      hostname,
      port,
      path,
      method,
      // A flat list: names may come twice, and keep their order.
      headers: lines.flat(),
      ...(isCutShort ? { agent: false } : { agent }),
      timeout: ANSWER_WITHIN_MS,
    });
    outgoing.once("response", (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
      incoming.once("error", () => resolve(null));
      incoming.once("end", () =>
        resolve({
          status: incoming.statusCode ?? 0,
          headers: (name) => incoming.headers[name]?.toString() ?? null,
          text: Buffer.concat(chunks).toString("utf8"),
        }),
      );
    });
    outgoing.once("error", () => resolve(null));
    outgoing.once("timeout", () => outgoing.destroy());
    if (isCutShort) outgoing.write(body, () => outgoing.destroy());
    else outgoing.end(body);
  });
}

export function closeConnections(): void {
  agent.destroy();
}
