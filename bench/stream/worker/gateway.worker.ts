/** The gateway as it is deployed, with the bench's two models and without senders. Says how many rows a stream has taken. */
import { createGateway, createStreamObject } from "../../../src/worker.ts";
import { defineGateway, openaiCompatible } from "../../../src/index.ts";

const model = (variable: string, verbatim = false) =>
  openaiCompatible({
    verbatim,
    baseUrl: { variable },
    model: "sluice-standin-1",
    limits: { requestsPerMinute: 1_000_000 },
  });

const config = defineGateway({
  sources: {},
  models: {
    instant: model("INSTANT_URL"),
    paced: model("PACED_URL"),
    "instant-verbatim": model("INSTANT_URL", true),
    "paced-verbatim": model("PACED_URL", true),
  },
  destinations: {},
});
const gateway = createGateway(config);

export { GuardObject } from "../../../src/guard/guard-object.ts";
export { StreamIndexObject } from "../../../src/streaming/index-object.ts";

export class StreamObject extends createStreamObject(config) {
  rows(): number {
    // The record and the chunks, and the alarm at the start (or before it, in a prepared object) and at the end.
    return [...this.ctx.storage.kv.list()].length + 2;
  }
}

interface Counted {
  rows(): Promise<number>;
}

export default {
  async fetch(request: Request, env: Cloudflare.Env, context: ExecutionContext): Promise<Response> {
    const id = /^\/rows\/(strm_[0-9a-f]{32})$/.exec(new URL(request.url).pathname)?.[1];
    if (id === undefined) return gateway.fetch(request, env, context);
    const stub: DurableObjectStub = env.STREAM.get(env.STREAM.idFromName(id));
    return Response.json(await (stub as DurableObjectStub & Counted).rows()); // the class above
  },
};
