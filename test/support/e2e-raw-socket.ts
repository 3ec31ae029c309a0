/** HTTP by hand, over a socket: what no well-behaved client sends. */
import { connect } from "node:net";
import { once } from "node:events";

export interface RawExchange {
  /** Everything that came back before the other side closed, or the answer was complete. */
  readonly text: string;
  /** Of the first answer; 0 where the connection ended without one. */
  readonly status: number;
}

/**
 * Sends a head and then pieces of a body, the next one only when the socket takes it, until an answer is there.
 * @param pieces ends by itself, or never
 */
export async function exchangeRaw(
  url: string,
  head: readonly string[],
  pieces: Iterable<string>,
): Promise<RawExchange> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  let text = "";
  const { promise: answered, resolve: answer } = Promise.withResolvers<void>();
  socket.setEncoding("latin1");
  socket.on("data", (chunk: string) => {
    text += chunk;
    if (isComplete(text)) answer();
  });
  // A reset is one way of being refused.
  socket.on("error", () => answer());
  socket.on("close", () => answer());
  try {
    await Promise.race([once(socket, "connect"), answered]);
    socket.write(`${head.join("\r\n")}\r\n\r\n`);
    for (const piece of pieces) {
      if (socket.destroyed || text !== "") break;
      if (!socket.write(piece)) await Promise.race([once(socket, "drain"), answered]);
    }
    await answered;
  } finally {
    socket.destroy();
  }
  return { text, status: Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0) };
}

/** The head, and as much of a body as it declares: they may come in pieces. */
function isComplete(text: string): boolean {
  const headEnd = text.indexOf("\r\n\r\n");
  if (headEnd === -1) return false;
  const declared = /^content-length: *(\d+)/im.exec(text.slice(0, headEnd))?.[1] ?? "0";
  return text.length >= headEnd + 4 + Number(declared);
}
