/** A day's traffic in small: varied events of all senders over several customers, the same for the same seed. */
import { seededRandom, type SeededRandom } from "../lib/random.ts";
import { makeCustomers, type SampleCustomer } from "./customers.ts";
import { buildDocumentSample } from "./documents.ts";
import { buildGithubSample, GITHUB_TYPES } from "./github.ts";
import { buildEnquirySample } from "./leads.ts";
import { buildMediaSample, MEDIA_TYPES } from "./media.ts";
import type { Sample } from "./sample.ts";
import { buildStripeSample, STRIPE_TYPES } from "./stripe.ts";

export interface MixedOptions {
  readonly seed: number;
  readonly count: number;
  readonly customers: number;
  /** Of the first event; later ones follow a second apart at most. */
  readonly startSeconds: number;
}

type Build = (
  random: SeededRandom,
  customer: SampleCustomer,
  createdSeconds: number,
  sequence: number,
) => Sample;

const buildMedia: Build = (random, customer, createdSeconds, sequence) =>
  buildMediaSample(random, { type: random.pick(MEDIA_TYPES), customer, createdSeconds, sequence });
const buildStripe: Build = (random, customer, createdSeconds) =>
  buildStripeSample(random, { type: random.pick(STRIPE_TYPES), customer, createdSeconds });
const buildGithub: Build = (random, customer, createdSeconds) =>
  buildGithubSample(random, { type: random.pick(GITHUB_TYPES), customer, createdSeconds });
const buildEnquiry: Build = (random, customer, createdSeconds) =>
  buildEnquirySample(random, { customer, createdSeconds });
const buildDocument: Build = (random, customer, createdSeconds) =>
  buildDocumentSample(random, { customer, createdSeconds });

export function buildMixedSamples(options: MixedOptions): readonly Sample[] {
  const random = seededRandom(options.seed);
  const [first, ...others] = makeCustomers(random, Math.max(1, options.customers));
  if (first === undefined) return [];
  return Array.from({ length: options.count }, (_, index) => {
    const build = random.pick([
      buildMedia,
      buildMedia,
      buildMedia,
      buildStripe,
      buildStripe,
      buildGithub,
      buildGithub,
      buildEnquiry,
      buildEnquiry,
      buildDocument,
    ]);
    return build(
      random,
      random.pick([first, ...others]),
      options.startSeconds + Math.floor(index / 2),
      index + 1,
    );
  });
}
