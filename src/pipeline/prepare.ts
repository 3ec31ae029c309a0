/** parse → enrich → infer → format for one event. Free of effects, so that it may run ahead of the event's turn. */
import type * as z from "zod";
import type { Pipeline, PipelineStages } from "../config/define-pipeline.ts";
import { LIMITS } from "../config/limits.ts";
import type { EventEnvelope } from "../core/envelope.ts";
import { failure, type StageFailure } from "../core/failure.ts";
import { jsonBytes } from "../core/json-value.ts";
import type { StoredOutput } from "../core/partition/model.ts";
import { err, ok, unreachable, type Result } from "../core/result.ts";
import { withRoomForBody, type BodyRoomDeps } from "./body-room.ts";
import { describeIssues } from "./describe.ts";
import { format, stageVersionOf, type Answer, type FormatDeps, type FormattedOutput } from "./format.ts";
import { infer, type InferDeps, type Inference } from "./infer.ts";
import { payloadOf } from "./payload.ts";
import type { CheckSource, LoadBody } from "./ports.ts";
import { withinQuota, type QuotaDeps } from "./quota.ts";
import type { LeasedEvent, Prepared } from "./processor.ts";
import { contextOf, runStage, type EventRun } from "./stage.ts";

/** How long each stage may take. Inference is bounded by the event's own lease. */
export interface StageTimeouts {
  readonly parseMs: number;
  readonly enrichMs: number;
  readonly formatMs: number;
}

export interface PrepareDeps extends InferDeps, FormatDeps, QuotaDeps, BodyRoomDeps {
  readonly loadBody: LoadBody;
  /** Absent: payloads go to the pipeline as they came. */
  readonly checkSource?: CheckSource;
  readonly timeouts: StageTimeouts;
}

/** An event's way through one pipeline, with the types between its stages known. */
interface Passage<Input extends z.ZodType, Enriched, Output extends z.ZodType> {
  readonly run: EventRun;
  readonly deps: PrepareDeps;
  readonly pipeline: Pipeline<never>;
  readonly stages: PipelineStages<Input, Enriched, Output>;
  readonly signal: AbortSignal;
}

export async function prepareStages<Input extends z.ZodType, Enriched, Output extends z.ZodType>(
  passage: Passage<Input, Enriched, Output>,
): Promise<Prepared> {
  const stored = reusableOutput(passage.run.event, stageVersionOf(passage.pipeline, passage.stages));
  if (stored !== null) return { kind: "ready", output: stored };
  const { run, deps } = passage;
  return withRoomForBody(deps, run.event, () => prepareBody(passage));
}

async function prepareBody<Input extends z.ZodType, Enriched, Output extends z.ZodType>(
  passage: Passage<Input, Enriched, Output>,
): Promise<Prepared> {
  const parsed = await parse(passage);
  if (!parsed.ok) return { kind: "failed", failure: parsed.error };
  const { run, deps, signal } = passage;
  const read = parsed.value;
  if (read.kind === "filtered") return read;
  return withinQuota(deps, run, signal, () => prepareInput(passage, read.input));
}

async function prepareInput<Input extends z.ZodType, Enriched, Output extends z.ZodType>(
  passage: Passage<Input, Enriched, Output>,
  input: z.output<Input>,
): Promise<Prepared> {
  const enriched = await enrich(passage, input);
  if (!enriched.ok) return { kind: "failed", failure: enriched.error };
  const inference = await inferAnswer(passage, enriched.value);
  switch (inference.kind) {
    case "answered": {
      const formatted = await formatAnswer(passage, enriched.value, inference);
      if (!formatted.ok) return { kind: "failed", failure: formatted.error };
      return preparedOf(formatted.value, suspicionOf(passage.stages, inference));
    }
    case "degraded":
      return reviewOf(passage, enriched.value, inference);
    case "deferred":
      return { kind: "deferred", untilMs: inference.untilMs, reason: inference.reason };
    case "failed":
      return { kind: "failed", failure: inference.failure };
    default:
      return unreachable(inference);
  }
}

/**
 * An output of another version is made anew, unless effects may have begun: then the event has its one result,
 * and whoever gets it again, or as the next one, gets the same.
 */
function reusableOutput(event: LeasedEvent, stageVersion: string): StoredOutput | null {
  const { output, effectsBegun } = event;
  if (output === null || output.draft === true) return null;
  const isKept = output.stageVersion === stageVersion || effectsBegun || output.edited === true;
  return isKept ? output : null;
}

type Read<Input> =
  | { readonly kind: "read"; readonly input: Input }
  | { readonly kind: "filtered"; readonly reason: string };

/** The source's own schema first, then the pipeline's: one makes what the other takes. */
function parse<Input extends z.ZodType, Enriched, Output extends z.ZodType>({
  run,
  deps,
  stages,
  signal,
}: Passage<Input, Enriched, Output>): Promise<Result<Read<z.output<Input>>, StageFailure>> {
  const { envelope } = run.event;
  const options = {
    stage: "parse",
    timeoutMs: deps.timeouts.parseMs,
    signal,
    onThrow: { class: "permanent", code: "schema_threw" },
  } as const;
  return runStage<Read<z.output<Input>>>(run, options, async () => {
    const payload = await loadPayload(deps, envelope);
    if (!payload.ok) return payload;
    const { checkSource } = deps;
    const checked = checkSource?.(envelope, payload.value) ?? { kind: "valid", payload: payload.value };
    if (checked.kind === "failed") return err(checked.failure);
    if (checked.kind === "filtered") return ok(checked);
    const parsed = await stages.input.safeParseAsync(checked.payload);
    if (parsed.success) return ok({ kind: "read", input: parsed.data });
    return err(failure("parse", "permanent", "schema", describeIssues(parsed.error)));
  });
}

/** A function of its own: what waits for the schema must not keep the text. */
async function loadPayload(
  { loadBody }: Pick<PrepareDeps, "loadBody">,
  envelope: EventEnvelope,
): Promise<Result<unknown, StageFailure>> {
  const { body } = envelope;
  const text = body.kind === "inline" ? ok(body.text) : await loadBody(body);
  if (!text.ok) return text;
  const payload = payloadOf(envelope, text.value);
  return payload.ok ? payload : err(failure("parse", "permanent", payload.error, "the body is not JSON"));
}

async function enrich<Input extends z.ZodType, Enriched, Output extends z.ZodType>(
  { run, deps, stages, signal }: Passage<Input, Enriched, Output>,
  input: z.output<Input>,
): Promise<Result<Enriched, StageFailure>> {
  if (stages.enrich === undefined) {
    return ok(input as Enriched); // without `enrich`, Enriched is the input's own type (definePipeline's default)
  }
  const enrichInput = stages.enrich.bind(stages);
  const options = {
    stage: "enrich",
    timeoutMs: deps.timeouts.enrichMs,
    signal,
    onThrow: { class: "transient", code: "enrich_failed" },
  } as const;
  return runStage(run, options, async (stageSignal) =>
    ok(await enrichInput(input, contextOf(run, stageSignal))),
  );
}

async function inferAnswer<Input extends z.ZodType, Enriched, Output extends z.ZodType>(
  { run, deps, stages, signal }: Passage<Input, Enriched, Output>,
  input: Enriched,
): Promise<Inference<z.output<Output>>> {
  const stage = stages.infer;
  if (stage === undefined) {
    const output = null as z.output<Output>; // without `infer`, Output is unknown to the pipeline's own code
    return { kind: "answered", output, value: null, model: null };
  }
  const options = {
    stage: "infer",
    timeoutMs: inferTimeoutMs(run.event),
    signal,
    onThrow: { class: "permanent", code: "infer_threw" },
  } as const;
  // A failed inference is a failed stage here, so that it is logged as one.
  const result = await runStage(run, options, async (stageSignal) => {
    const inference = await infer(run, deps, stage, input, contextOf(run, stageSignal));
    return inference.kind === "failed" ? err(inference.failure) : ok(inference);
  });
  return result.ok ? result.value : { kind: "failed", failure: result.error, model: null };
}

/** A slow model is given time by a longer lease in the pipeline's policy. */
function inferTimeoutMs(event: LeasedEvent): number {
  return Math.max(event.envelope.policy.leaseMs - LIMITS.stages.leaseMarginMs, LIMITS.stages.leaseMarginMs);
}

function formatAnswer<Input extends z.ZodType, Enriched, Output extends z.ZodType>(
  { run, deps, pipeline, stages, signal }: Passage<Input, Enriched, Output>,
  input: Enriched,
  answer: Answer<z.output<Output>>,
): Promise<Result<FormattedOutput, StageFailure>> {
  const options = {
    stage: "format",
    timeoutMs: deps.timeouts.formatMs,
    signal,
    onThrow: { class: "permanent", code: "format_threw" },
  } as const;
  return runStage(run, options, (stageSignal) =>
    format(run, deps, pipeline, stages, input, answer, contextOf(run, stageSignal)),
  );
}

function preparedOf({ output, review }: FormattedOutput, suspicion: string | null): Prepared {
  const reason = review ?? suspicion;
  return reason === null ? { kind: "ready", output } : { kind: "review", output, reason: reasonOf(reason) };
}

/** Why a person is to see what the model made of suspicious data, before anything is delivered. */
function suspicionOf<Input extends z.ZodType, Enriched, Output extends z.ZodType>(
  stages: PipelineStages<Input, Enriched, Output>,
  { injection }: Extract<Inference<z.output<Output>>, { kind: "answered" }>,
): string | null {
  if (injection === undefined || stages.infer?.onInjection !== "review") return null;
  return `injection_suspected: ${injection.score} (${injection.rules.join(", ")})`;
}

/**
 * For a person: what the model said, formatted where it fits the schema, so that approving it delivers it.
 * What cannot be formatted is a draft: approving it asks the model again, editing it delivers the edit, and nothing
 * ends as delivered that never was.
 */
async function reviewOf<Input extends z.ZodType, Enriched, Output extends z.ZodType>(
  passage: Passage<Input, Enriched, Output>,
  input: Enriched,
  degraded: Extract<Inference<z.output<Output>>, { kind: "degraded" }>,
): Promise<Prepared> {
  const { why, value, fitting, model } = degraded;
  const reason = reasonOf(`${why.code}: ${why.message}`);
  if (fitting !== undefined) {
    const answer = { output: fitting.output, value, model };
    const formatted = await formatAnswer(passage, input, answer);
    if (formatted.ok) return { kind: "review", output: formatted.value.output, reason };
    if (formatted.error.class === "transient") return { kind: "failed", failure: formatted.error };
  }
  const fits = jsonBytes(value) <= LIMITS.stages.maxStoredOutputBytes;
  const output: StoredOutput = {
    v: 1,
    stageVersion: `${stageVersionOf(passage.pipeline, passage.stages)}!degraded`,
    value: fits ? value : null,
    body: null,
    type: `${passage.pipeline.name}.completed`,
    to: [...passage.pipeline.deliver],
    emits: [],
    model,
    draft: true,
  };
  return { kind: "review", output, reason };
}

const MAX_REASON_CHARACTERS = 500;

function reasonOf(text: string): string {
  return text.slice(0, MAX_REASON_CHARACTERS);
}
