/** A model that says the same after a given time, as an OpenAI-compatible stream, and notes how long each answer took it. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

export interface TimedModel {
  readonly url: string;
  delayMs: number;
  /** From the request's last byte to the answer's. */
  readonly tookMs: number[];
  close(): Promise<void>;
}

const CHUNK = { id: "chatcmpl-1", object: "chat.completion.chunk", created: 0, model: "timed" };
const ANSWER = JSON.stringify({ fraud_score: 0.1 });

export async function startTimedModel(): Promise<TimedModel> {
  const tookMs: number[] = [];
  const server = createServer((request, response) => {
    request.resume();
    request.on("end", () => {
      const startedMs = performance.now();
      void sleep(model.delayMs).then(() => {
        const write = (chunk: object) =>
          response.write(`data: ${JSON.stringify({ ...CHUNK, ...chunk })}\n\n`);
        response.writeHead(200, { "content-type": "text/event-stream" });
        write({
          choices: [{ index: 0, delta: { role: "assistant", content: ANSWER }, finish_reason: null }],
        });
        write({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] });
        write({ choices: [], usage: { prompt_tokens: 50, completion_tokens: 5, total_tokens: 55 } });
        response.end("data: [DONE]\n\n", () => tookMs.push(performance.now() - startedMs));
      });
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo; // listens on a port
  const model: TimedModel = {
    url: `http://127.0.0.1:${port}`,
    delayMs: 0,
    tookMs,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
  return model;
}
