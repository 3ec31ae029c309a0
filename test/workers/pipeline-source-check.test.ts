import { expect, it } from "vitest";
import * as z from "zod";
import { definePipeline } from "../../src/config/define-pipeline.ts";
import { failure } from "../../src/core/failure.ts";
import { UNROUTED_PIPELINE } from "../../src/core/envelope.ts";
import type { SourceVerdict } from "../../src/pipeline/ports.ts";
import { bench, leasedEvent, type EventOptions } from "./pipeline-fixtures.ts";

const shout = definePipeline({
  name: "triage",
  input: z.object({ text: z.string() }),
  format: ({ input }) => ({ body: input.text }),
  deliver: [],
});
const quarantine = { code: "schema", message: "not a valid note" };

async function prepared(verdict: SourceVerdict, options: EventOptions = {}) {
  const checked: unknown[] = [];
  const { processor } = bench([shout], {
    checkSource: (_, payload) => {
      checked.push(payload);
      return verdict;
    },
  });
  const event = await leasedEvent({ body: '{"text":"as it was sent"}', ...options });
  return { result: await processor.prepare(event, new AbortController().signal), checked };
}

it("a pipeline is given what its source makes of the payload, and nothing its source refuses", async () => {
  const { result, checked } = await prepared({ kind: "valid", payload: { text: "as it was parsed" } });
  expect(result).toMatchObject({ kind: "ready", output: { body: "as it was parsed" } });
  expect(checked).toEqual([{ text: "as it was sent" }]);
  const refusal = failure("parse", "permanent", "schema", "no longer");
  expect((await prepared({ kind: "failed", failure: refusal })).result).toEqual({
    kind: "failed",
    failure: refusal,
  });
  expect((await prepared({ kind: "filtered", reason: "filter" })).result).toEqual({
    kind: "filtered",
    reason: "filter",
  });
  // The pipeline's own input still has its word.
  expect((await prepared({ kind: "valid", payload: { text: 7 } })).result).toMatchObject({
    kind: "failed",
    failure: { code: "schema" },
  });
});

it("an event in quarantine is judged again by its source; one that no route takes, or nobody can judge, is dead", async () => {
  const mended = { kind: "valid", payload: { text: "fits now" } } as const;
  expect((await prepared(mended, { envelope: { quarantine } })).result).toMatchObject({ kind: "ready" });
  const unrouted = await prepared(mended, { pipeline: UNROUTED_PIPELINE, envelope: { quarantine } });
  expect(unrouted.result).toMatchObject({ kind: "failed", failure: quarantine });
  const { processor } = bench([shout]);
  const event = await leasedEvent({ envelope: { quarantine } });
  expect(await processor.prepare(event, new AbortController().signal)).toMatchObject({
    kind: "failed",
    failure: quarantine,
  });
});
