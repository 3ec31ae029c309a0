/**
 * Content moderation of a media platform: comments, uploads and chat messages get a score per risk category;
 * thresholds decide; the verdict goes to a queue that the platform's own services read.
 */
import * as z from "zod";
import { definePipeline, inRange } from "sluice";

const author = z.object({ id: z.string(), name: z.string().max(200) });

export const commentCreated = z.object({
  type: z.literal("comment.created"),
  data: z.object({ comment_id: z.string(), author, text: z.string().max(20_000) }),
});

export const uploadCreated = z.object({
  type: z.literal("upload.created"),
  data: z.object({
    upload_id: z.string(),
    author,
    title: z.string().max(500),
    description: z.string().max(20_000),
  }),
});

export const chatMessage = z.object({
  type: z.literal("chat.message"),
  data: z.object({ message_id: z.string(), author, text: z.string().max(5_000) }),
});

export const content = z.discriminatedUnion("type", [commentCreated, uploadCreated, chatMessage]);

export const risk = z.number().min(0).max(1);
const assessment = z.object({
  harassment: risk,
  hate: risk,
  violence: risk,
  sexual: risk,
  self_harm: risk,
  spam: risk,
});

/** From this score on, by category: hold for a moderator, reject at once. */
export type Thresholds<Category extends string> = Readonly<
  Record<Category, { readonly hold: number; readonly reject: number }>
>;

export const THRESHOLDS: Thresholds<keyof z.output<typeof assessment>> = {
  harassment: { hold: 0.4, reject: 0.75 },
  hate: { hold: 0.3, reject: 0.6 },
  violence: { hold: 0.4, reject: 0.75 },
  sexual: { hold: 0.5, reject: 0.85 },
  self_harm: { hold: 0.2, reject: 0.95 },
  spam: { hold: 0.5, reject: 0.8 },
};

export const moderation = definePipeline({
  name: "moderation",
  input: content,
  enrich: (event) => Promise.resolve(subjectOf(event)),
  infer: {
    model: "fast",
    promptVersion: "1",
    output: assessment,
    prompt: ({ text }) => ({
      instruction:
        "Rate how likely the content breaks each rule of a family-friendly media platform, from 0 (not at all) to 1 (certainly).",
      data: { content: text },
    }),
    checks: [inRange((scores) => Math.max(...Object.values(scores)), 0, 1)],
    cacheTtlSeconds: 3_600,
    onDegraded: "review",
  },
  format: ({ input, output }, { headers }) => {
    const { verdict, reasons } = decide(output, THRESHOLDS);
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

export function subjectOf(event: z.output<typeof content>) {
  const authorId = event.data.author.id;
  switch (event.type) {
    case "comment.created":
      return { contentId: event.data.comment_id, authorId, text: event.data.text };
    case "chat.message":
      return { contentId: event.data.message_id, authorId, text: event.data.text };
    case "upload.created":
      return {
        contentId: event.data.upload_id,
        authorId,
        text: `${event.data.title}\n\n${event.data.description}`,
      };
    default:
      return event satisfies never;
  }
}

export function decide<Category extends string>(
  scores: Readonly<Record<Category, number>>,
  thresholds: Thresholds<Category>,
): { verdict: "approve" | "hold" | "reject"; reasons: string[] } {
  const over = (level: "hold" | "reject") =>
    Object.entries<number>(scores).flatMap(([category, score]) => {
      const threshold = thresholds[category as Category]; // the scores' own keys
      return score >= threshold[level] ? [category] : [];
    });
  const rejected = over("reject");
  if (rejected.length > 0) return { verdict: "reject", reasons: rejected };
  const held = over("hold");
  return held.length > 0 ? { verdict: "hold", reasons: held } : { verdict: "approve", reasons: [] };
}
