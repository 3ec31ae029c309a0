/** Lead scoring: an enquiry is scored, and the CRM's record of the company is updated over HTTP. */
import * as z from "zod";
import { definePipeline, grounded, inRange } from "sluice";

export const enquirySubmitted = z.object({
  type: z.literal("enquiry.submitted"),
  data: z.object({
    enquiry_id: z.string(),
    name: z.string().max(200),
    email: z.email(),
    company: z.string().max(200),
    message: z.string().max(20_000),
  }),
});

const scored = z.object({
  lead_score: z.number().min(0).max(100),
  intent: z.enum(["purchase", "information", "support", "other"]),
  /** Words of the enquiry that speak for the score. */
  signals: z.array(z.string().max(200)).max(20),
});

export const leadScoring = definePipeline({
  name: "lead-scoring",
  input: enquirySubmitted,
  infer: {
    model: "fast",
    promptVersion: "1",
    output: scored,
    prompt: ({ data: { company, email, message } }) => ({
      instruction:
        "Score how likely this enquiry becomes a sale, from 0 to 100, say what it is about, and quote the words that show it.",
      data: { company, sender: email, enquiry: message },
    }),
    checks: [
      inRange(({ lead_score }) => lead_score, 0, 100),
      grounded(
        ({ signals }) => signals,
        ({ data: { company, email, message } }) => `${company}\n${email}\n${message}`,
      ),
    ],
    onDegraded: "retry",
  },
  format: ({ input: { data }, output }, { headers }) => ({
    type: "crm.lead_scored",
    body: {
      reference: headers["webhook-id"] ?? null,
      enquiryId: data.enquiry_id,
      contact: { name: data.name, email: data.email, company: data.company },
      score: Math.round(output.lead_score),
      grade: output.lead_score >= 70 ? "hot" : output.lead_score >= 40 ? "warm" : "cold",
      intent: output.intent,
      signals: output.signals,
    },
  }),
  deliver: ["crm"],
});
