/** A customer's message: what it is about and how urgent it is. */
import { definePipeline } from "sluice";
import * as z from "zod";

export const messageReceived = z.object({
  type: z.literal("message.received"),
  data: z.object({ message_id: z.string(), customer_id: z.string(), text: z.string() }),
});

const verdict = z.object({
  topic: z.enum(["billing", "bug", "question", "other"]),
  urgent: z.boolean(),
});

export const triage = definePipeline({
  name: "triage",
  input: messageReceived,
  infer: {
    model: "fast",
    // Raise it with the prompt: answers that were stored for another version are not used again.
    promptVersion: "1",
    output: verdict,
    prompt: ({ data }) => ({
      instruction: "Say what this customer's message is about, and whether it cannot wait until tomorrow.",
      data: { message: data.text },
    }),
  },
  format: ({ input, output }) => ({
    type: "message.triaged",
    body: { messageId: input.data.message_id, ...output },
  }),
  deliver: ["app"],
});
