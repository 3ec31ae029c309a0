/**
 * What a relay, and an object that owns its call, cannot be cheaper than. The request goes on as it is, and the bytes of the answer come back as they are: `/…`, without a
 * look at them, which the runtime does by itself; `/through/…`, each piece read and written by JavaScript that does nothing
 * else; `/object/…`, the same in a new object, which first writes a row and its alarm.
 */
import { DurableObject } from "cloudflare:workers";

interface PipeEnv {
  readonly OWNER: DurableObjectNamespace;
  readonly INSTANT_URL: string;
  readonly PACED_URL: string;
}

export default {
  async fetch(request: Request, env: PipeEnv, context: ExecutionContext): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (pathname.startsWith("/object/")) {
      return env.OWNER.get(env.OWNER.newUniqueId()).fetch(request.url, {
        method: "POST",
        body: await request.text(),
      });
    }
    const answer = await ask(pathname, env, request.body);
    const isThrough = pathname.startsWith("/through/") && answer.body !== null;
    const body = isThrough ? through(answer.body, context) : answer.body;
    return new Response(body, {
      status: answer.status,
      headers: { "content-type": "text/event-stream" },
    });
  },
};

/** The least that an object does which owns a call: its record and its alarm are durable before the model hears of it. */
export class Owner extends DurableObject<PipeEnv> {
  override async fetch(request: Request): Promise<Response> {
    const { storage } = this.ctx;
    const record = await request.text();
    storage.kv.put("record", record);
    await storage.setAlarm(Date.now() + 60_000);
    await storage.sync();
    const answer = await ask(new URL(request.url).pathname, this.env, record);
    return new Response(answer.body === null ? null : through(answer.body, this.ctx));
  }

  override async alarm(): Promise<void> {
    await this.ctx.storage.deleteAll();
  }
}

function ask(pathname: string, env: PipeEnv, body: BodyInit | null): Promise<Response> {
  const upstream = pathname.endsWith("/instant") ? env.INSTANT_URL : env.PACED_URL;
  const headers = { "content-type": "application/json" };
  return fetch(`${upstream}/chat/completions`, { method: "POST", headers, body });
}

type Lasting = Pick<ExecutionContext, "waitUntil">;

function through(body: ReadableStream<Uint8Array>, context: Lasting): ReadableStream<Uint8Array> {
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
