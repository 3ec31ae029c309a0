/**
 * The format stage: runs the pipeline's `format` and proves that what it returned can be stored and sent.
 * Everything wrong here is permanent: the same code would say the same again.
 */
import * as z from "zod";
import type { Pipeline, PipelineStages, StageContext } from "../config/define-pipeline.ts";
import { LIMITS } from "../config/limits.ts";
import { failure, type StageFailure } from "../core/failure.ts";
import type { InjectionScore } from "../core/injection.ts";
import type { JsonValue } from "../core/json.ts";
import { jsonBytes, toJsonValue } from "../core/json-value.ts";
import type { EmittedEvent, ModelRecord, StoredOutput } from "../core/partition/model.ts";
import { err, ok, type Result } from "../core/result.ts";
import { describeIssues } from "./describe.ts";
import type { EventRun } from "./stage.ts";

export interface FormatDeps {
  readonly pipelines: ReadonlyMap<string, Pipeline<never>>;
}

/** What came before `format`. */
export interface Answer<Output> {
  readonly output: Output;
  readonly value: JsonValue;
  readonly model: ModelRecord | null;
  readonly injection?: InjectionScore;
}

export interface FormattedOutput {
  readonly output: StoredOutput;
  /** Not null: a person decides first. */
  readonly review: string | null;
}

const typeSchema = z.string().min(1).max(LIMITS.stages.maxTypeCharacters);

const formattedSchema = z.object({
  body: z.unknown(),
  type: z.optional(typeSchema),
  to: z.optional(z.array(z.string())),
  emit: z.optional(z.array(z.object({ pipeline: z.string(), type: typeSchema, payload: z.unknown() }))),
  review: z.optional(z.string()),
});

export async function format<Input extends z.ZodType, Enriched, Output extends z.ZodType>(
  run: EventRun,
  deps: FormatDeps,
  pipeline: Pipeline<never>,
  stages: PipelineStages<Input, Enriched, Output>,
  input: Enriched,
  answer: Answer<z.output<Output>>,
  context: StageContext,
): Promise<Result<FormattedOutput, StageFailure>> {
  // Awaited although it is not meant to be async: then one that is gets its time limit, not a strange error.
  const { output: answered, injection } = answer;
  const result =
    injection === undefined ? { input, output: answered } : { input, output: answered, injection };
  const returned: unknown = stages.format(result, context);
  const parsed = formattedSchema.safeParse(await returned);
  if (!parsed.success) return refuse("format_invalid", `format() returned ${describeIssues(parsed.error)}`);
  const { body: rawBody, type = `${pipeline.name}.completed`, to = pipeline.deliver, review } = parsed.data;
  const body = toJsonValue(rawBody);
  if (!body.ok) return refuse("format_invalid", "the body cannot be written as JSON");
  // Measured as destinations send it.
  const message = { type, id: run.event.envelope.id, data: body.value };
  if (jsonBytes(message) > LIMITS.destinations.maxBodyBytes) {
    return refuse("body_too_large", `the body is larger than ${LIMITS.destinations.maxBodyBytes} bytes`);
  }
  const unknown = to.find((name) => !pipeline.deliver.includes(name));
  if (unknown !== undefined) {
    return refuse("destination_unknown", `the pipeline does not deliver to "${unknown}"`);
  }
  const emits = checkEmits(run, deps, parsed.data.emit ?? []);
  if (!emits.ok) return emits;
  const sizeBytes = jsonBytes(body.value) + jsonBytes(answer.value) + emits.value.sizeBytes;
  if (sizeBytes > LIMITS.stages.maxStoredOutputBytes) {
    const bound = LIMITS.stages.maxStoredOutputBytes;
    return refuse("output_too_large", `answer, body and emits are larger than ${bound} bytes together`);
  }
  const output: StoredOutput = {
    v: 1,
    stageVersion: stageVersionOf(pipeline, stages),
    value: answer.value,
    body: body.value,
    type,
    to: [...new Set(to)],
    emits: emits.value.emits,
    model: answer.model,
  };
  return ok({ output, review: review ?? null });
}

interface CheckedEmits {
  readonly emits: readonly EmittedEvent[];
  readonly sizeBytes: number;
}

function checkEmits(
  run: EventRun,
  deps: FormatDeps,
  emits: readonly { readonly pipeline: string; readonly type: string; readonly payload?: unknown }[],
): Result<CheckedEmits, StageFailure> {
  const { maxEmitsPerEvent, maxEmitDepth } = LIMITS.partition;
  if (emits.length > maxEmitsPerEvent) {
    return refuse("emit_too_many", `${emits.length} emitted events; at most ${maxEmitsPerEvent}`);
  }
  const depth = run.event.envelope.parent?.depth ?? 0;
  if (emits.length > 0 && depth >= maxEmitDepth) {
    return refuse("emit_too_deep", `the chain of emitted events is ${maxEmitDepth} links long`);
  }
  const declared = deps.pipelines.get(run.event.envelope.pipeline)?.emits;
  const checked: EmittedEvent[] = [];
  let sizeBytes = 0;
  for (const { pipeline, type, payload } of emits) {
    if (!deps.pipelines.has(pipeline)) {
      return refuse("emit_unknown_pipeline", `no pipeline is called "${pipeline}"`);
    }
    if (declared?.includes(pipeline) === false) {
      return refuse("emit_undeclared_pipeline", `"${pipeline}" is not among the pipeline's \`emits\``);
    }
    const json = toJsonValue(payload);
    if (!json.ok)
      return refuse("format_invalid", "the payload of an emitted event cannot be written as JSON");
    sizeBytes += jsonBytes(json.value);
    checked.push({ pipeline, type, payload: json.value });
  }
  if (sizeBytes <= LIMITS.stages.maxEmitBytes) return ok({ emits: checked, sizeBytes });
  return refuse(
    "emit_too_large",
    `emitted payloads are larger than ${LIMITS.stages.maxEmitBytes} bytes together`,
  );
}

function refuse(code: string, message: string) {
  return err(failure("format", "permanent", code, message));
}

/** A stored output is reused only for the pipeline and prompt that made it. */
export function stageVersionOf<Input extends z.ZodType, Enriched, Output extends z.ZodType>(
  pipeline: Pipeline<never>,
  stages: PipelineStages<Input, Enriched, Output>,
): string {
  return `${pipeline.name}@${stages.infer?.promptVersion ?? "none"}`;
}
