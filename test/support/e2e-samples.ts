/** Samples of the demo's senders, each with a customer of its own, so that tests never wait for each other. */
import { seededRandom } from "../../dev/lib/random.ts";
import { makeCustomers, type SampleCustomer } from "../../dev/senders/customers.ts";
import { buildDocumentSample } from "../../dev/senders/documents.ts";
import { buildGithubSample } from "../../dev/senders/github.ts";
import { buildEnquirySample, buildMalformedEnquiry } from "../../dev/senders/leads.ts";
import { buildMediaSample, type MediaType } from "../../dev/senders/media.ts";
import type { Sample } from "../../dev/senders/sample.ts";
import { buildStripeSample, type StripeType } from "../../dev/senders/stripe.ts";
import type { JsonObject, JsonValue } from "../../src/core/json.ts";

const CUSTOMERS = 200;

export interface SampleMaker {
  /** Somebody no other test of this maker has had. */
  customer(): SampleCustomer;
  stripe(customer?: SampleCustomer, type?: StripeType): Sample;
  github(customer?: SampleCustomer, type?: string): Sample;
  media(customer?: SampleCustomer, type?: MediaType): Sample;
  lead(customer?: SampleCustomer): Sample;
  malformedLead(): Sample;
  document(customer?: SampleCustomer): Sample;
}

export function createSamples(seed: number): SampleMaker {
  const random = seededRandom(seed);
  const customers = [...makeCustomers(random, CUSTOMERS)];
  const createdSeconds = Math.floor(Date.now() / 1_000);
  const fresh = (): SampleCustomer => {
    const customer = customers.pop();
    if (customer === undefined) throw new Error("this file needs more customers");
    return customer;
  };
  return {
    customer: fresh,
    stripe: (customer = fresh(), type = "payment_intent.succeeded") =>
      buildStripeSample(random, { type, customer, createdSeconds }),
    github: (customer = fresh(), type = "issues.opened") =>
      buildGithubSample(random, { type, customer, createdSeconds }),
    media: (customer = fresh(), type = "comment.created") =>
      buildMediaSample(random, { type, customer, createdSeconds }),
    lead: (customer = fresh()) => buildEnquirySample(random, { customer, createdSeconds, kind: "lead" }),
    malformedLead: () => buildMalformedEnquiry(random, { customer: fresh(), createdSeconds }),
    document: (customer = fresh()) => buildDocumentSample(random, { customer, createdSeconds }),
  };
}

/** The same sample with these members of its `data` replaced or added. */
export function withData(sample: Sample, members: JsonObject): Sample {
  const { data } = sample.payload;
  return { ...sample, payload: { ...sample.payload, data: { ...objectOf(data), ...members } } };
}

/** The same sample with these members at the top of its payload. */
export function withMembers(sample: Sample, members: JsonObject): Sample {
  return { ...sample, payload: { ...sample.payload, ...members } };
}

function objectOf(value: JsonValue | undefined): JsonObject {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error("not an object");
  return value as JsonObject; // what is left of a JSON value
}
