/**
 * A pipeline as the source of a stream: its schema, look-ups, prompt and model, for an input that is no event. Nothing is checked,
 * formatted, delivered or recorded: what is shown while it is written cannot be held back.
 */
import type * as z from "zod";
import type { Pipeline, PipelineStages, StageContext } from "../config/define-pipeline.ts";
import { LIMITS } from "../config/limits.ts";
import { makeEventId, makePartitionName } from "../core/ids.ts";
import { scoreInjection } from "../core/injection.ts";
import { err, ok, type Result } from "../core/result.ts";
import { callOptionsOf, textsOfRequest, type ModelRequest } from "../models/call.ts";
import type { ModelRegistry } from "../models/registry.ts";
import type { Problem } from "../platform/problem.ts";
import type { PromptOf, StreamRequest } from "../streaming/port.ts";
import type { Logger } from "../telemetry/log.ts";
import { answerSchemaOf } from "./answer.ts";
import { runBounded } from "./bounded.ts";
import { describeIssues } from "./describe.ts";
import { makePrompt } from "./prompt.ts";

export interface StreamSourceDeps {
  readonly pipelines: ReadonlyMap<string, Pipeline<never>>;
  readonly models: ModelRegistry;
  readonly fetch: typeof fetch;
  readonly nowMs: () => number;
  readonly log: Logger;
}

const SOURCE = "stream";

const NO_MODEL: Problem = {
  status: 422,
  code: "pipeline-without-model",
  title: "The pipeline asks no model",
};
const REFUSED: Problem = { status: 422, code: "input-refused", title: "The pipeline refuses this input" };
const FAILED: Problem = {
  status: 502,
  code: "pipeline-failed",
  title: "The pipeline could not make its prompt",
};

export function createStreamSource(deps: StreamSourceDeps): PromptOf {
  return async (name, input, id) => {
    const pipeline = deps.pipelines.get(name);
    if (pipeline === undefined) {
      return err({ status: 404, code: "unknown-pipeline", title: "There is no such pipeline" });
    }
    const made = await runBounded(
      new AbortController().signal,
      LIMITS.stages.parseTimeoutMs + LIMITS.stages.enrichTimeoutMs,
      async (signal) => {
        const context = await contextOf(deps, name, id, signal);
        const made = await pipeline.open((stages) => requestOf(deps, stages, input, context));
        const caller = { pipeline: name, partitionKey: context.partitionKey };
        return made.ok ? ok({ ...made.value, caller }) : made;
      },
    );
    if (made.kind === "returned") return made.value;
    const error = made.kind === "threw" ? String(made.thrown) : made.kind;
    deps.log.warn("stream_prompt_failed", { id, pipeline: name, error });
    return err(FAILED);
  };
}

async function requestOf<Input extends z.ZodType, Enriched, Output extends z.ZodType>(
  deps: StreamSourceDeps,
  stages: PipelineStages<Input, Enriched, Output>,
  given: unknown,
  context: StageContext,
): Promise<Result<StreamRequest, Problem>> {
  const stage = stages.infer;
  if (stage === undefined) return err(NO_MODEL);
  const parsed = await stages.input.safeParseAsync(given);
  if (!parsed.success) {
    const title = "The input does not fit the pipeline's schema";
    return err({ status: 422, code: "invalid-input", title, detail: describeIssues(parsed.error) });
  }
  // Without `enrich`, Enriched is the input's own type (definePipeline's default).
  const input =
    stages.enrich === undefined ? (parsed.data as Enriched) : await stages.enrich(parsed.data, context);
  const made = await makePrompt(stage, input, context);
  if (!made.ok) return err(made.error.class === "permanent" ? REFUSED : FAILED);
  const { prompt, data } = made.value;
  const { score } = scoreInjection(Object.values(data));
  const threshold = stage.injectionThreshold ?? LIMITS.models.injectionThreshold;
  // Nobody can review what is shown at once, so that both choices come to the same.
  if (stage.onInjection !== undefined && stage.onInjection !== "flag" && score >= threshold)
    return err(REFUSED);
  const model = deps.models.get(stage.model);
  const structured = model.ok && model.value.definition.structuredOutput;
  const asked: ModelRequest = {
    instruction: prompt.instruction,
    data: prompt.input,
    jsonSchema: answerSchemaOf(stage.output).jsonSchema,
    ...(stage.temperature === undefined ? {} : { temperature: stage.temperature }),
    ...(stage.maxOutputTokens === undefined ? {} : { maxOutputTokens: stage.maxOutputTokens }),
  };
  return ok({
    model: stage.model,
    options: callOptionsOf(asked, structured),
    texts: textsOfRequest(asked, structured),
  });
}

/** Of an event that never was: deterministic ids, nothing stored under them. */
async function contextOf(
  deps: StreamSourceDeps,
  pipeline: string,
  id: string,
  signal: AbortSignal,
): Promise<StageContext> {
  const place = { jurisdiction: "none", epoch: 0, mode: "unordered", space: SOURCE, key: id } as const;
  const partition = await makePartitionName(place);
  return {
    eventId: await makeEventId(partition, { source: SOURCE, dedupeKey: id, pipeline }),
    source: SOURCE,
    deliveryId: id,
    type: SOURCE,
    receivedAtMs: deps.nowMs(),
    run: 1,
    partitionKey: `${SOURCE}:${id}`,
    headers: {},
    signal,
    fetch: (input, init) => {
      const own = init?.signal ?? (input instanceof Request ? input.signal : null);
      return deps.fetch(input, { ...init, signal: own === null ? signal : AbortSignal.any([signal, own]) });
    },
  };
}
