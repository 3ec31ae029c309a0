/**
 * The next content moderation: a smaller model, scams told apart from spam. No route names it yet; `POST /admin/v1/replays`
 * with `shadow` runs it over what the first one has decided, and says where they differ.
 */
import * as z from "zod";
import { definePipeline, inRange } from "sluice";
import { content, decide, risk, subjectOf, THRESHOLDS, type Thresholds } from "./moderation.ts";

const assessment = z.object({
  harassment: risk,
  hate: risk,
  violence: risk,
  sexual: risk,
  self_harm: risk,
  spam: risk,
  scam: risk,
});

/** Scams have a threshold of their own, so spam that is none may wait for a moderator. */
const WITH_SCAMS: Thresholds<keyof z.output<typeof assessment>> = {
  ...THRESHOLDS,
  spam: { hold: 0.5, reject: 0.9 },
  scam: { hold: 0.3, reject: 0.6 },
};

export const moderationV2 = definePipeline({
  name: "moderation-v2",
  input: content,
  enrich: (event) => Promise.resolve(subjectOf(event)),
  infer: {
    model: "small",
    promptVersion: "2",
    output: assessment,
    prompt: ({ text }) => ({
      instruction:
        "Rate how likely the content breaks each rule of a family-friendly media platform, from 0 (not at all) to 1 (certainly). A scam tries to get money or data by deceit; spam only advertises.",
      data: { content: text },
    }),
    checks: [inRange((scores) => Math.max(...Object.values(scores)), 0, 1)],
    cacheTtlSeconds: 3_600,
    onDegraded: "review",
  },
  format: ({ input, output }, { headers }) => {
    const { verdict, reasons } = decide(output, WITH_SCAMS);
    return {
      type: "moderation.verdict",
      body: {
        reference: headers["webhook-id"] ?? null,
        contentId: input.contentId,
        authorId: input.authorId,
        verdict,
        reasons,
        scores: output,
      },
    };
  },
  deliver: ["verdicts"],
});
