/** Small real pipelines: with a model and two destinations, without a model and with an emitted event, one that ends with a person. */
import * as z from "zod";
import { definePipeline, type Pipeline } from "../../src/config/define-pipeline.ts";

/** What an event asks for. */
export interface Payload {
  readonly key: string;
  readonly emit: boolean;
  readonly review: boolean;
  /** Kills whoever works on it. */
  readonly poison: boolean;
}

const payloadSchema = z.object({
  key: z.string(),
  emit: z.boolean(),
  review: z.boolean(),
  poison: z.boolean(),
});
const answerSchema = z.object({ label: z.string(), nonce: z.string() });

export const PIPELINES = ["classify", "plain"] as const;

/** @param killWorker ends the process it is called in, and never returns */
export function pipelinesOf(
  version: number,
  killWorker: () => Promise<never>,
): ReadonlyMap<string, Pipeline<never>> {
  const classify = definePipeline({
    name: "classify",
    deliver: ["crm", "audit"],
    input: payloadSchema,
    enrich: (input) => (input.poison ? killWorker() : Promise.resolve(input)),
    infer: {
      model: "fast",
      promptVersion: String(version),
      output: answerSchema,
      prompt: (input, context) => ({
        instruction: `Classify it (version classify@${version}).`,
        data: { event: context.eventId, key: input.key },
      }),
      onDegraded: "review",
    },
    format: ({ input, output }) => ({
      body: { key: input.key, ...output },
      ...(input.review ? { review: "asked for" } : {}),
    }),
  });
  const plain = definePipeline({
    name: "plain",
    deliver: ["crm"],
    input: payloadSchema,
    enrich: (input) => (input.poison ? killWorker() : Promise.resolve(input)),
    format: ({ input }) => ({
      body: { key: input.key },
      emit: input.emit
        ? [
            {
              pipeline: "follow",
              type: "simulated.followed",
              payload: { ...input, key: `${input.key}+`, emit: false },
            },
          ]
        : [],
    }),
  });
  const follow = definePipeline({
    name: "follow",
    deliver: ["audit"],
    input: payloadSchema,
    format: ({ input }) => ({ body: { key: input.key } }),
  });
  const all: readonly Pipeline<never>[] = [classify, plain, follow];
  return new Map(all.map((pipeline) => [pipeline.name, pipeline]));
}
