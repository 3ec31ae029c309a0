/** A document inbox, signed as Standard Webhooks: `document.received`, a title and several paragraphs. */
import type { SeededRandom } from "../lib/random.ts";
import type { SampleCustomer } from "./customers.ts";
import type { Sample } from "./sample.ts";

export interface DocumentSampleOptions {
  readonly customer: SampleCustomer;
  readonly createdSeconds: number;
}

interface DocumentText {
  readonly title: string;
  readonly paragraphs: readonly string[];
}

type Template = (random: SeededRandom, customer: SampleCustomer) => DocumentText;

const TEMPLATES: readonly [Template, ...Template[]] = [
  (random, customer) => ({
    title: "Amendment No. 2 to the supply agreement",
    paragraphs: [
      `This amendment is made between ${customer.company} Ltd and Meridian Supplies Inc. It changes the supply agreement of 4 May 2024.`,
      `The annual volume is raised to ${random.integer(20, 90)},000 units. The price per unit falls to $${random.integer(
        11,
        48,
      )}.50 from 1 January 2027. All other prices stay as they are.`,
      "Either party may terminate the agreement with a notice of ninety days. Deliveries that are more than ten days late give the buyer the right to a discount of five percent.",
      `The amendment must be signed by both parties before 15 December 2026. ${customer.name} signs for the buyer.`,
    ],
  }),
  (random, customer) => ({
    title: `Incident report: outage of the booking service, ${random.integer(20, 190)} minutes`,
    paragraphs: [
      `On 12 October 2026 the booking service of ${customer.company} was unavailable for customers in Germany and France. The first alert was raised at 09:14 by the monitoring team in Berlin.`,
      "The cause was an expired certificate on the internal gateway. The renewal job had failed silently for six weeks because its notification address no longer existed.",
      `About ${random.integer(3, 40)},000 requests failed and 212 customers contacted support. No data was lost and no payment was taken twice.`,
      "The platform team must add an alert for certificates that expire within thirty days. The notification addresses of all scheduled jobs will be reviewed by 30 November 2026.",
    ],
  }),
  (random, customer) => ({
    title: "Minutes of the steering committee",
    paragraphs: [
      `Present: ${customer.name}, Maria Lopez, Peter Novak. The committee met in Zurich on 3 November 2026 to discuss the warehouse project.`,
      `The budget was raised by $${random.integer(120, 800)},000 after a long discussion. Maria Lopez was worried about the schedule; she considers the opening in March unrealistic and the risk of penalties serious.`,
      "Peter Novak will present a revised plan next week. The fire department has approved the emergency exits, which was the best news of the meeting.",
      "The next meeting takes place on 1 December 2026. Open questions should be sent to the secretary beforehand.",
    ],
  }),
  (random, customer) => ({
    title: `${customer.company} opens a research site in Lisbon`,
    paragraphs: [
      `${customer.company} announced today that it will open a research site in Lisbon with ${random.integer(
        40,
        300,
      )} employees. The site will work on energy storage and cooperates with the University of Porto.`,
      `"We found outstanding engineers here," said ${customer.name}. "It is a wonderful place to grow."`,
      `The company invests 24 million euros over three years. The first laboratory opens in April 2027; the hiring starts immediately.`,
    ],
  }),
  (random) => ({
    title: "Complaint about delivery 7731",
    paragraphs: [
      "We are very disappointed with your delivery of 19 October 2026. Eleven of the forty boxes arrived damaged, and the driver refused to note it.",
      `The goods have a value of $${random.integer(3, 19)},400. We cannot use them, and our own customer has cancelled the order. This is the second time in three months.`,
      "Please send replacements by Friday and confirm that you will pay for the express freight. Otherwise we will have to look for another supplier, which we would regret after nine good years.",
    ],
  }),
];

export function buildDocumentSample(random: SeededRandom, options: DocumentSampleOptions): Sample {
  const { customer, createdSeconds } = options;
  const { title, paragraphs } = random.pick(TEMPLATES)(random, customer);
  return {
    sender: "documents",
    type: "document.received",
    id: `msg_${random.token(24)}`,
    customer: customer.id,
    createdSeconds,
    payload: {
      type: "document.received",
      timestamp: new Date(createdSeconds * 1_000).toISOString(),
      data: {
        document_id: `doc_${random.token(12)}`,
        customer_id: customer.id,
        received_from: customer.email,
        media_type: "text/plain",
        title,
        text: paragraphs.join("\n\n"),
      },
    },
  };
}
