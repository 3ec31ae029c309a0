/**
 * What a relay cannot be cheaper than. The request goes on as it is, and the bytes of the answer come back as they are: `/…`, without a
 * look at them, which the runtime does by itself; `/through/…`, each piece read and written by JavaScript that does nothing else.
 */
interface PipeEnv {
  readonly INSTANT_URL: string;
  readonly PACED_URL: string;
}

export default {
  async fetch(request: Request, env: PipeEnv, context: ExecutionContext): Promise<Response> {
    const { pathname } = new URL(request.url);
    const upstream = pathname.endsWith("/instant") ? env.INSTANT_URL : env.PACED_URL;
    const answer = await fetch(`${upstream}/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: request.body,
    });
    const isThrough = pathname.startsWith("/through/") && answer.body !== null;
    const body = isThrough ? through(answer.body, context) : answer.body;
    return new Response(body, {
      status: answer.status,
      headers: { "content-type": "text/event-stream" },
    });
  },
};

function through(body: ReadableStream<Uint8Array>, context: ExecutionContext): ReadableStream<Uint8Array> {
  const { readable, writable } = new IdentityTransformStream();
  const [reader, writer] = [body.getReader(), writable.getWriter()];
  const pump = async (): Promise<void> => {
    for (let piece = await reader.read(); !piece.done; piece = await reader.read())
      await writer.write(piece.value);
    await writer.close();
  };
  context.waitUntil(pump());
  return readable;
}
