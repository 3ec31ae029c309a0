/** The showcase, for the browser tests: a stream whose question says so throws once, when a viewer first resumes it. */
import { createGateway, createStreamObject } from "../../src/worker.ts";
import config from "../../examples/showcase/src/gateway.config.ts";

export { GuardObject, PartitionObject, StreamIndexObject } from "../../src/worker.ts";

const MARK = "Resume fails once";

export class StreamObject extends createStreamObject(config) {
  private isToFail = false;

  override async fetch(request: Request): Promise<Response> {
    if (request.method === "POST") this.isToFail = (await request.clone().text()).includes(MARK);
    else if (this.isToFail && new URL(request.url).searchParams.has("after")) {
      this.isToFail = false;
      throw new Error("a resume that was told to fail");
    }
    return (await super.fetch?.(request)) ?? new Response(null, { status: 501 });
  }
}

export default createGateway(config);
