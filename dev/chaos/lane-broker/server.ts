/**
 * Lanes that keep what they accepted when the gateway dies, and are as unkind as a real queue may be: at least once,
 * in any order, some messages twice, some later. A message is in the journal before its `send()` is answered, and
 * leaves only when a consumer that returned has acknowledged it. Never reads a message.
 */
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import * as z from "zod";
import { listen, pathOf, readBody, sendJson, type RunningServer } from "../../lib/http-server.ts";
import { DEV_LIMITS } from "../../lib/limits.ts";
import { seededRandom } from "../../lib/random.ts";

export interface LaneBrokerOptions {
  readonly port: number;
  readonly gatewayUrl: string;
  /** One line per message sent and one per message acknowledged. */
  readonly journal: string;
  readonly seed: number;
}

interface Message {
  readonly id: string;
  readonly queue: string;
  readonly body: unknown;
  readonly sentAtMs: number;
  attempts: number;
  visibleAtMs: number;
}

const sendSchema = z.object({ queue: z.string(), bodies: z.array(z.unknown()) });
const verdictSchema = z.object({ retries: z.record(z.string(), z.number()) });
const lineSchema = z.object({
  id: z.string(),
  sent: z.optional(z.object({ queue: z.string(), body: z.unknown(), atMs: z.number() })),
});

const BATCH_SIZE = 5;
const BATCHES_AT_ONCE = 2;
const TWICE_SHARE = 0.1;
const LATER_SHARE = 0.2;
const LATER_MS = 3_000;
/** After a consumer that did not come back. */
const REDELIVER_WITHIN_MS = 3_000;
const LOOK_EVERY_MS = 20;
const BATCH_TIMEOUT_MS = 120_000;

export async function startLaneBroker(options: LaneBrokerOptions): Promise<RunningServer> {
  const random = seededRandom(options.seed);
  const waiting = readJournal(options.journal);
  const busy = new Map<string, number>();
  let count = waiting.size;
  const write = (line: z.input<typeof lineSchema>): void =>
    appendFileSync(options.journal, `${JSON.stringify(line)}\n`);

  function accept(queue: string, body: unknown): void {
    count += 1;
    const sentAtMs = Date.now();
    const copies = random.next() < TWICE_SHARE ? ["", "-copy"] : [""];
    for (const suffix of copies) {
      const id = `message_${count}${suffix}`;
      write({ id, sent: { queue, body, atMs: sentAtMs } });
      const laterMs = random.next() < LATER_SHARE ? random.integer(0, LATER_MS) : 0;
      waiting.set(id, { id, queue, body, sentAtMs, attempts: 0, visibleAtMs: sentAtMs + laterMs });
    }
  }

  async function handOut(queue: string, messages: readonly Message[]): Promise<void> {
    busy.set(queue, (busy.get(queue) ?? 0) + 1);
    for (const message of messages) {
      message.attempts += 1;
      message.visibleAtMs = Number.POSITIVE_INFINITY;
    }
    try {
      const response = await fetch(`${options.gatewayUrl}/__lanes`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ queue, messages }),
        signal: AbortSignal.timeout(BATCH_TIMEOUT_MS),
      });
      if (!response.ok) throw new Error(`the consumer failed: ${response.status}`);
      const { retries } = verdictSchema.parse(await response.json());
      for (const message of messages) {
        const delaySeconds = retries[message.id];
        if (delaySeconds === undefined) {
          write({ id: message.id });
          waiting.delete(message.id);
        } else {
          message.visibleAtMs = Date.now() + delaySeconds * 1_000;
        }
      }
    } catch {
      for (const message of messages)
        message.visibleAtMs = Date.now() + random.integer(0, REDELIVER_WITHIN_MS);
    } finally {
      busy.set(queue, (busy.get(queue) ?? 1) - 1);
    }
  }

  function look(): void {
    const nowMs = Date.now();
    const visible = [...waiting.values()].filter((message) => message.visibleAtMs <= nowMs);
    for (const [queue, messages] of Map.groupBy(visible, (message) => message.queue)) {
      const shuffled = messages.map((message) => ({ message, at: random.next() }));
      shuffled.sort((left, right) => left.at - right.at);
      while (shuffled.length > 0 && (busy.get(queue) ?? 0) < BATCHES_AT_ONCE) {
        void handOut(
          queue,
          shuffled.splice(0, random.integer(1, BATCH_SIZE)).map(({ message }) => message),
        );
      }
    }
  }

  const timer = setInterval(look, LOOK_EVERY_MS);
  const server = await listen(
    async (request, response) => {
      if (pathOf(request) === "/healthz") return sendJson(response, 200, { waiting: waiting.size });
      const body = await readBody(request, DEV_LIMITS.maxBodyBytes);
      if (!body.ok) return sendJson(response, 413, { error: { message: body.error } });
      const { queue, bodies } = sendSchema.parse(JSON.parse(body.value.toString("utf8")));
      for (const one of bodies) accept(queue, one);
      return sendJson(response, 200, { accepted: bodies.length });
    },
    { port: options.port, host: "127.0.0.1" },
  );
  return {
    ...server,
    close: () => {
      clearInterval(timer);
      return server.close();
    },
  };
}

function readJournal(file: string): Map<string, Message> {
  const waiting = new Map<string, Message>();
  if (!existsSync(file)) return waiting;
  for (const text of readFileSync(file, "utf8").split("\n").filter(Boolean)) {
    const { id, sent } = lineSchema.parse(JSON.parse(text));
    if (sent === undefined) waiting.delete(id);
    else
      waiting.set(id, {
        id,
        queue: sent.queue,
        body: sent.body,
        sentAtMs: sent.atMs,
        attempts: 0,
        visibleAtMs: 0,
      });
  }
  return waiting;
}
