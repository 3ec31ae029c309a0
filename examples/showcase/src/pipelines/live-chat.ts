/**
 * Live chat: a message is shown when it is approved, so its sender waits for the verdict. What is not judged in time is
 * held: one message more for a moderator is better than one that should not have been seen.
 */
import * as z from "zod";
import { definePipeline } from "sluice";
import { chatMessage, decide, risk, type Thresholds } from "./moderation.ts";

const assessment = z.object({ harassment: risk, hate: risk, violence: risk, sexual: risk, spam: risk });

/** Stricter than for comments: nobody can take back what everybody has read. */
const THRESHOLDS: Thresholds<keyof z.output<typeof assessment>> = {
  harassment: { hold: 0.3, reject: 0.7 },
  hate: { hold: 0.2, reject: 0.5 },
  violence: { hold: 0.3, reject: 0.7 },
  sexual: { hold: 0.4, reject: 0.8 },
  spam: { hold: 0.4, reject: 0.8 },
};

// oxlint-disable-next-line typescript/consistent-type-definitions -- an interface has no index signature: it is no JSON value
export type ChatVerdict = {
  readonly verdict: "approve" | "hold" | "reject";
  readonly reasons: readonly string[];
};

export const HOLD: ChatVerdict = { verdict: "hold", reasons: ["not judged in time"] };

export const liveChat = definePipeline({
  name: "live-chat",
  input: chatMessage,
  infer: {
    model: "small",
    promptVersion: "1",
    output: assessment,
    prompt: ({ data: { text } }) => ({
      instruction:
        "Rate how likely the chat message breaks each rule of a family-friendly live stream, from 0 (not at all) to 1 (certainly).",
      data: { content: text },
    }),
    // The same few words are said again and again.
    cacheTtlSeconds: 3_600,
    fallbackModels: ["fast"],
    onDegraded: "review",
  },
  format: ({ output }) => {
    const body: ChatVerdict = decide(output, THRESHOLDS);
    return { type: "chat.verdict", body };
  },
  deliver: ["verdicts"],
});
