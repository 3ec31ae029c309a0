/**
 * What the demo sends: varied events of all senders, some of them twice, and three that must not pass. Each
 * customer's events go out one after the other, so that their order is known; customers go in parallel.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { isJsonObject } from "../../src/core/json.ts";
import { seededRandom } from "../lib/random.ts";
import { buildEnquirySample, buildMalformedEnquiry } from "../senders/leads.ts";
import { makeCustomers } from "../senders/customers.ts";
import { buildMixedSamples } from "../senders/mixed.ts";
import { DEMO_SECRETS, forge, signSample, type Sample } from "../senders/sample.ts";
import { signStandardWebhooks } from "../senders/sign.ts";

/** In the text of the one event whose model call fails for good. */
export const POISON_MARK = "quote-for-the-impossible";

export interface Sent {
  readonly sample: Sample;
  readonly kind: "event" | "duplicate" | "poison" | "invalid" | "forged" | "malformed";
  readonly status: number;
  /** The answer's `status`: queued, duplicate, quarantined, … */
  readonly word: string;
  readonly eventId: string | null;
  readonly sentAtMs: number;
}

interface Planned {
  readonly sample: Sample;
  readonly kind: Sent["kind"];
}

const DUPLICATE_SHARE = 0.1;
const CUSTOMERS = 8;

export function planTraffic(count: number, seed: number): readonly Planned[] {
  const random = seededRandom(seed);
  const startSeconds = Math.floor(Date.now() / 1_000);
  const samples = buildMixedSamples({ seed, count, customers: CUSTOMERS, startSeconds });
  const planned = samples.flatMap((sample): Planned[] => {
    const once: Planned = { sample, kind: "event" };
    return random.next() < DUPLICATE_SHARE ? [once, { sample, kind: "duplicate" }] : [once];
  });
  const [customer] = makeCustomers(random, 1);
  if (customer === undefined) return planned;
  const enquiry = { customer, createdSeconds: startSeconds };
  const special: Planned[] = [
    { sample: withPoison(buildEnquirySample(random, enquiry)), kind: "poison" },
    { sample: buildMalformedEnquiry(random, enquiry), kind: "invalid" },
    { sample: buildEnquirySample(random, enquiry), kind: "forged" },
    { sample: buildEnquirySample(random, enquiry), kind: "malformed" },
  ];
  return [...planned, ...special];
}

/** Sends everything. `onSent` hears of each answer as it comes. */
export async function sendTraffic(
  url: string,
  planned: readonly Planned[],
  onSent: (sent: Sent) => void,
): Promise<readonly Sent[]> {
  const byCustomer = Map.groupBy(planned, ({ sample }) => `${sample.sender}:${sample.customer ?? sample.id}`);
  const all = await Promise.all(
    [...byCustomer.values()].map(async (events) => {
      const sent: Sent[] = [];
      for (const event of events) {
        const result = await send(url, event);
        sent.push(result);
        onSent(result);
      }
      return sent;
    }),
  );
  return all.flat();
}

async function send(url: string, { sample, kind }: Planned): Promise<Sent> {
  const { status, answer } = await post(url, sample, kind);
  const sentAtMs = Date.now();
  const field = (name: string): string | null => {
    const value: unknown = typeof answer === "object" && answer !== null ? Reflect.get(answer, name) : null;
    return typeof value === "string" ? value : null;
  };
  return {
    sample,
    kind,
    status,
    word: field("status") ?? "",
    eventId: field("id"),
    sentAtMs,
  };
}

/** @returns the answer as JSON, whatever it says */
export async function post(
  url: string,
  sample: Sample,
  kind: Sent["kind"],
): Promise<{ readonly status: number; readonly answer: unknown }> {
  const { headers, body } = requestFor(sample, kind);
  const response = await deliver(`${url}/in/${sample.sender}`, { method: "POST", headers, body });
  return { status: response.status, answer: await response.json() };
}

/** Like any sender: what was answered 503 is sent again after a while. */
async function deliver(url: string, request: RequestInit): Promise<Response> {
  for (let attempt = 1; ; attempt++) {
    const response = await fetch(url, request);
    if (response.status !== 503 || attempt === MAX_ATTEMPTS) return response;
    await response.body?.cancel();
    await sleep(attempt * 500);
  }
}

const MAX_ATTEMPTS = 8;

function requestFor(sample: Sample, kind: Sent["kind"]) {
  const nowSeconds = Math.floor(Date.now() / 1_000);
  const signed = signSample(sample, DEMO_SECRETS, nowSeconds);
  if (kind === "forged") return forge(signed);
  if (kind !== "malformed") return signed;
  const body = signed.body.slice(0, -20);
  const signature = signStandardWebhooks(sample.id, body, DEMO_SECRETS[sample.sender], nowSeconds);
  return { body, headers: { ...signed.headers, ...signature } };
}

function withPoison(sample: Sample): Sample {
  const { data } = sample.payload;
  if (!isJsonObject(data)) throw new Error("an enquiry's payload has its facts under data");
  const poisoned = { ...data, message: `Please send a ${POISON_MARK}.` };
  return { ...sample, payload: { ...sample.payload, data: poisoned } };
}
