/** A website's contact form, signed as Standard Webhooks: `enquiry.submitted`. Some are leads, some are not. */
import type { SeededRandom } from "../lib/random.ts";
import type { SampleCustomer } from "./customers.ts";
import type { Sample } from "./sample.ts";

export type EnquiryKind = "lead" | "small" | "no_lead";

export interface EnquirySampleOptions {
  readonly customer: SampleCustomer;
  readonly createdSeconds: number;
  readonly kind?: EnquiryKind;
}

type Template = (random: SeededRandom) => string;

const TEMPLATES: Readonly<Record<EnquiryKind, readonly [Template, ...Template[]]>> = {
  lead: [
    (random) =>
      `I am VP of Operations and we want to replace our current system before the end of the quarter. We have ${random.integer(
        120,
        900,
      )} employees and a budget of $${random.integer(20, 90)},000. Could you set up a demo next week?`,
    (random) =>
      `Please send us a quote for ${random.integer(80, 1_500)} seats including single sign-on and a data processing agreement. Our vendor selection closes on 30 June.`,
    (random) =>
      `We are opening ${random.integer(4, 30)} more locations this year and need something in place by September. Who can I talk to about an enterprise plan and a pilot?`,
    () =>
      "Our contract with a competitor ends in August and I decide on the tooling here. What would it cost to migrate, and can you call me on Thursday?",
  ],
  small: [
    () => "Hi, what does the team plan cost for eight people? We would like to start with a trial.",
    () => "Do you have a discount for non-profits? We are looking for a simple tool for our volunteers.",
    () => "Is there an integration with our accounting software? We are comparing a few products.",
  ],
  no_lead: [
    () => "I forgot my password and the reset mail never arrives. Please help.",
    () => "I am a student and would like to interview one of your engineers for my thesis.",
    () =>
      "We can bring your website to page one of Google. Our agency offers backlinks and guest posts at the best price.",
    () => "Attached is my CV. I would love to join your team as a backend developer.",
    () => "You charged my card twice in March, please refund the second payment.",
    () => "test test",
  ],
};

export function buildEnquirySample(random: SeededRandom, options: EnquirySampleOptions): Sample {
  const { customer, createdSeconds } = options;
  const kind = options.kind ?? random.pick(["lead", "lead", "small", "no_lead", "no_lead"]);
  const isPrivate = kind === "no_lead" && random.next() < 0.7;
  const id = `msg_${random.token(24)}`;
  const email = isPrivate
    ? customer.email.replace(/@.*/, `${random.integer(10, 99)}@gmail.com`)
    : customer.email;
  return {
    sender: "leads",
    type: "enquiry.submitted",
    id,
    customer: email,
    createdSeconds,
    payload: {
      type: "enquiry.submitted",
      timestamp: new Date(createdSeconds * 1_000).toISOString(),
      data: {
        enquiry_id: `enq_${random.token(12)}`,
        name: customer.name,
        email,
        company: isPrivate ? "" : customer.company,
        message: random.pick(TEMPLATES[kind])(random),
        page: random.pick(["/contact", "/pricing", "/enterprise"]),
      },
    },
  };
}

/** Correctly signed, wrong inside: `message` is missing. What a schema has to catch. */
export function buildMalformedEnquiry(random: SeededRandom, options: EnquirySampleOptions): Sample {
  const sample = buildEnquirySample(random, options);
  return {
    ...sample,
    payload: {
      ...sample.payload,
      data: { enquiry_id: `enq_${random.token(12)}`, name: options.customer.name, email: 42 },
    },
  };
}
