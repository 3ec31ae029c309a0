/**
 * The senders: per line one event after the other, each again and again until it is answered 2xx, and never again
 * after that. Every acknowledgement is on disk before the next event goes out.
 */
import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod";
import { seededRandom } from "../lib/random.ts";
import { DEMO_SECRETS, signSample, type Sample } from "../senders/sample.ts";
import { appendLine } from "./json-lines.ts";
import type { Ack } from "./records.ts";
import { customerOf, type PlannedEvent } from "./traffic.ts";

export interface SenderOptions {
  readonly url: string;
  readonly lines: readonly (readonly PlannedEvent[])[];
  readonly file: string;
  readonly seed: number;
  /** No event of a later stage goes out. */
  readonly stage: () => number;
  /** Nothing more is sent: the run is out of time. */
  readonly stopped: () => boolean;
}

export interface SenderCounts {
  readonly requests: number;
  readonly events: number;
  readonly acknowledged: number;
  /** Sent, and not answered yet: being sent again and again while the gateway is down. */
  readonly underWay: number;
}

export interface Sending {
  readonly done: Promise<void>;
  counts(): SenderCounts;
}

const ANSWER_WITHIN_MS = 15_000;
const AGAIN_AFTER_MS = 400;
const PACE_MS = 250;
const answerSchema = z.looseObject({ id: z.string(), status: z.string() });

export function startSending(options: SenderOptions): Sending {
  const random = seededRandom(options.seed);
  const counts = { requests: 0, events: 0, acknowledged: 0, underWay: 0 };

  async function sendLine(line: readonly PlannedEvent[]): Promise<void> {
    for (const event of line) {
      while (event.stage > options.stage() && !options.stopped()) await sleep(20);
      await sleep(random.integer(0, PACE_MS));
      if (options.stopped()) return;
      counts.events += 1;
      counts.underWay += 1;
      const ack = await untilAcknowledged(event.build());
      counts.underWay -= 1;
      if (ack === null) return;
      appendLine(options.file, ack);
      counts.acknowledged += 1;
    }
  }

  async function untilAcknowledged(sample: Sample): Promise<Ack | null> {
    for (let attempts = 1; !options.stopped(); attempts++) {
      counts.requests += 1;
      const answer = await post(options.url, sample);
      if (answer !== null) {
        return {
          reference: sample.id,
          customer: customerOf(sample),
          sender: sample.sender,
          eventId: answer.id,
          word: answer.status,
          attempts,
          ackedAtMs: Date.now(),
        };
      }
      await sleep(AGAIN_AFTER_MS / 2 + random.integer(0, AGAIN_AFTER_MS));
    }
    return null;
  }

  return {
    done: Promise.all(options.lines.map(sendLine)).then(() => undefined),
    counts: () => ({ ...counts }),
  };
}

/** Null for everything but a 2xx that names its event: refused connections, time-outs and 5xx alike. */
async function post(url: string, sample: Sample): Promise<z.output<typeof answerSchema> | null> {
  const { body, headers } = signSample(sample, DEMO_SECRETS, Math.floor(Date.now() / 1_000));
  try {
    const response = await fetch(`${url}/in/${sample.sender}`, {
      method: "POST",
      headers,
      body,
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
    });
    const text = await response.text();
    return response.ok ? answerSchema.parse(JSON.parse(text)) : null;
  } catch {
    return null;
  }
}
