import { expect, it } from "vitest";
import * as z from "zod";
import { definePipeline } from "../../src/config/define-pipeline.ts";
import { testPipeline } from "../../src/pipeline/test-pipeline.ts";

const sorting = definePipeline({
  name: "sorting",
  input: z.object({ id: z.string(), text: z.string() }),
  enrich: async (input, context) => {
    const answer = await context.fetch(`https://crm.test/${input.id}`);
    return { ...input, customer: await answer.text() };
  },
  infer: {
    model: "fast",
    promptVersion: "1",
    output: z.object({ label: z.string() }),
    prompt: (input) => ({ instruction: "Sort.", data: { text: input.text } }),
    onDegraded: "review",
  },
  format: ({ input, output }) => ({ body: { customer: input.customer, label: output.label } }),
  deliver: ["crm"],
});
const payload = { id: "7", text: "never came" };
const fetch = async () => new Response("Ada");

it("a deployer's test runs the real stages with a scripted model", async () => {
  const asked: string[] = [];
  const prepared = await testPipeline(sorting, payload, {
    fetch,
    model: ({ input }) => {
      asked.push(input);
      return { label: "lost" };
    },
  });
  expect(asked[0]).toContain("never came");
  expect(prepared).toMatchObject({ kind: "ready", output: { body: { customer: "Ada", label: "lost" } } });
});

it("a deployer's test sees refusals as they are in production", async () => {
  expect(await testPipeline(sorting, payload, { fetch, model: () => "garbage" })).toMatchObject({
    kind: "review",
  });
  expect(await testPipeline(sorting, payload, { fetch })).toMatchObject({ failure: { code: "no_model" } });
  expect(await testPipeline(sorting, payload)).toMatchObject({ failure: { code: "enrich_failed" } });
});
