/** A line to the gateway that drops every answer after so many bytes, in the middle of whatever they are, as proxies and networks do. */
import { createServer, type Server } from "node:http";

export interface DroppingLine {
  readonly url: string;
  /** The `Last-Event-ID` of every connection so far, in order. */
  readonly lastEventIds: readonly (string | null)[];
  close(): Promise<void>;
}

export interface Drops {
  /** More than the longest event, or nobody would ever get past it. */
  readonly bytes: number;
  /** `reset`: the connection breaks. `end`: the server closes it as if all were well. */
  readonly how: "reset" | "end";
  /** Done before a connection after the first is passed on. It is given every connection's `Last-Event-ID`, this one's included. */
  readonly beforeReconnect?: (lastEventIds: readonly (string | null)[]) => Promise<void>;
}

const PASSED_ON = ["accept", "origin", "last-event-id"];

export async function dropEvery(target: string, drops: Drops): Promise<DroppingLine> {
  const { bytes, how, beforeReconnect } = drops;
  const lastEventIds: (string | null)[] = [];
  const server: Server = createServer((incoming, outgoing) => {
    const headers = new Headers();
    for (const name of PASSED_ON) {
      const value = incoming.headers[name];
      if (typeof value === "string") headers.set(name, value);
    }
    lastEventIds.push(headers.get("last-event-id"));
    void relayTo(new URL(incoming.url ?? "/", target), headers).catch(() => outgoing.destroy());

    async function relayTo(url: URL, sent: Headers): Promise<void> {
      if (lastEventIds.length > 1) await beforeReconnect?.(lastEventIds);
      const answer = await fetch(url, { headers: sent });
      outgoing.writeHead(answer.status, headersOf(answer));
      let left = bytes;
      for await (const piece of answer.body ?? []) {
        const kept = piece.subarray(0, left);
        left -= kept.length;
        // A short wait, to save the test's time. The wait after trouble has a comment behind it and stays as it is.
        const text = Buffer.from(kept)
          .toString("latin1")
          .replace(/retry: 2000(?!\n:)/, "retry: 5");
        if (left > 0) {
          outgoing.write(text, "latin1");
          continue;
        }
        if (how === "end") outgoing.end(text, "latin1");
        else outgoing.write(text, "latin1", () => outgoing.destroy());
        return;
      }
      outgoing.end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    url: `http://127.0.0.1:${address.port}`,
    lastEventIds,
    close: () =>
      new Promise<void>((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

function headersOf(answer: Response): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const name of ["content-type", "access-control-allow-origin"]) {
    const value = answer.headers.get(name);
    if (value !== null) headers[name] = value;
  }
  return headers;
}
