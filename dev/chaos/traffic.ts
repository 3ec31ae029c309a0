/**
 * Who sends what: lines of events, each about one customer and sent one after the other. Every text begins with its
 * event's id, so that the model server's records tell which event was asked about how often. Each event is made when it is first sent,
 * and is the same, byte for byte, whenever it is sent again.
 */
import { isJsonObject, type JsonObject } from "../../src/core/json.ts";
import { seededRandom, type SeededRandom } from "../lib/random.ts";
import { makeCustomers, type SampleCustomer } from "../senders/customers.ts";
import { buildDocumentSample } from "../senders/documents.ts";
import { buildGithubSample } from "../senders/github.ts";
import { buildEnquirySample } from "../senders/leads.ts";
import { buildMediaSample, MEDIA_TYPES } from "../senders/media.ts";
import type { Sample } from "../senders/sample.ts";
import { buildStripeSample } from "../senders/stripe.ts";

export interface PlannedEvent {
  /** It is sent once this many kills are behind. */
  readonly stage: number;
  build(): Sample;
}

type Build = (random: SeededRandom, customer: SampleCustomer, createdSeconds: number) => Sample;

const BUILDS: readonly [Build, ...Build[]] = [
  (random, customer, createdSeconds) =>
    buildMediaSample(random, { type: random.pick(MEDIA_TYPES), customer, createdSeconds }),
  (random, customer, createdSeconds) =>
    buildStripeSample(random, { type: "payment_intent.succeeded", customer, createdSeconds }),
  (random, customer, createdSeconds) =>
    buildEnquirySample(random, { customer, createdSeconds, kind: "lead" }),
  (random, customer, createdSeconds) =>
    buildGithubSample(random, { type: "issues.opened", customer, createdSeconds }),
  buildDocumentAbout,
];

function buildDocumentAbout(random: SeededRandom, customer: SampleCustomer, createdSeconds: number): Sample {
  return buildDocumentSample(random, { customer, createdSeconds });
}

export interface TrafficOptions {
  readonly events: number;
  readonly stages: number;
  readonly lines: number;
  readonly seed: number;
}

/** By line. Senders take turns, so that each has its share of the lines. */
export function planTraffic(options: TrafficOptions): readonly (readonly PlannedEvent[])[] {
  const random = seededRandom(options.seed);
  const lines = makeCustomers(random, options.lines).map((customer, index) => ({
    random: seededRandom(options.seed * 1_000 + index),
    customer,
    build: BUILDS[index % BUILDS.length] ?? BUILDS[0],
    events: [] as PlannedEvent[],
  }));
  for (let index = 0; index < options.events; index++) {
    const line = lines[random.integer(0, lines.length - 1)];
    if (line === undefined) continue;
    line.events.push({
      stage: Math.floor((index * options.stages) / options.events),
      build: () => withOwnText(line.build(line.random, line.customer, Math.floor(Date.now() / 1_000))),
    });
  }
  return lines.map(({ events }) => events);
}

/** Where the words stand that a sender's prompt begins with. */
const TEXT_PLACES = [
  ["data", "company"],
  ["data", "title"],
  ["data", "text"],
  ["issue", "title"],
] as const;

function withOwnText(sample: Sample): Sample {
  for (const [part, field] of TEXT_PLACES) {
    const object = sample.payload[part];
    if (!isJsonObject(object)) continue;
    const text = object[field];
    if (typeof text !== "string") continue;
    const changed: JsonObject = { ...object, [field]: `${sample.id} ${text}` };
    return { ...sample, payload: { ...sample.payload, [part]: changed } };
  }
  return sample;
}

const REFERENCE = /msg_[a-z0-9]{24}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/;

/** The event that a prompt is about, by the start of its text. */
export function referenceInPrompt(textStart: string): string | null {
  return REFERENCE.exec(textStart)?.[0] ?? null;
}

/** Whose order an event belongs to. */
export function customerOf({ sender, customer, id }: Sample): string {
  return `${sender}:${customer ?? id}`;
}
