/**
 * Asks a stage's models in turn. The next one is asked when the one before cannot help soon: its breaker is open, it
 * has no key or no credit, it failed transiently often enough, or its answer was degraded and the pipeline wants
 * another model's. When all have been asked, the most hopeful outcome stands.
 */
import type * as z from "zod";
import { LIMITS } from "../config/limits.ts";
import { MODEL_NOT_CONFIGURED } from "../core/classify/not-configured.ts";
import { unreachable } from "../core/result.ts";
import type { CachedAnswer } from "../cache/results.ts";
import { askCached, reuse, type Asked } from "./ask.ts";
import { choiceFor, type Inference, type Question, type Spent } from "./inference.ts";

interface Stale<Input, Schema extends z.ZodType> {
  readonly question: Question<Input, Schema>;
  readonly answer: CachedAnswer;
}

export async function askInTurn<Input, Schema extends z.ZodType>(
  first: Question<Input, Schema>,
): Promise<Inference<z.output<Schema>>> {
  const outcomes: Inference<z.output<Schema>>[] = [];
  let models = [first.model, ...(first.stage.fallbackModels ?? [])];
  let isDowngraded = false;
  let spent: Spent = null;
  let stale: Stale<Input, Schema> | null = null;
  for (let index = 0; index < models.length; index++) {
    const model = models[index] ?? first.model;
    const question = { ...first, model };
    const asked: Asked<z.output<Schema>> = await askCached(question, spent);
    const { inference } = asked;
    if (inference.kind === "answered") return isDowngraded ? markDowngraded(inference) : inference;
    const downgradeTo = inference.kind === "deferred" ? inference.downgradeTo : undefined;
    if (downgradeTo !== undefined && !isDowngraded && !first.signal.aborted) {
      first.run.logger.warn("model_downgraded", { from: model, to: downgradeTo });
      // Instead of this model and of those that would have come after it.
      models = [...models.slice(0, index + 1), downgradeTo];
      isDowngraded = true;
      continue;
    }
    outcomes.push(inference);
    if (inference.kind !== "deferred") spent = inference.model ?? spent;
    if (stale === null && asked.stale !== null) stale = { question, answer: asked.stale };
    if (first.signal.aborted || !isForTheNext(question, inference)) break;
    if (index + 1 < models.length) {
      first.run.logger.warn("model_fallback", { from: model, code: codeOf(inference) });
    }
  }
  const best = mostHopeful(outcomes);
  return stale !== null && isOutage(best) ? ((await reuseStale(stale, spent)) ?? best) : best;
}

function markDowngraded<Output>(
  inference: Extract<Inference<Output>, { kind: "answered" }>,
): Inference<Output> {
  const { model } = inference;
  return model === null ? inference : { ...inference, model: { ...model, degraded: "budget" } };
}

/** These say something about the model, not about the question. */
const UNUSABLE: ReadonlySet<string> = new Set([
  "quota",
  "unauthorized",
  "model_not_found",
  "model_unknown",
  MODEL_NOT_CONFIGURED,
]);

function isForTheNext<Input, Schema extends z.ZodType>(
  { stage, run }: Question<Input, Schema>,
  inference: Exclude<Inference<z.output<Schema>>, { kind: "answered" }>,
): boolean {
  switch (inference.kind) {
    case "degraded":
      return choiceFor(stage, inference.why) === "next-model";
    case "deferred":
      return inference.denial === "breaker";
    case "failed": {
      const { class: failureClass, code } = inference.failure;
      if (UNUSABLE.has(code)) return true;
      const enough = stage.fallbackAfterAttempts ?? LIMITS.models.fallbackAfterAttempts;
      return failureClass === "transient" && run.event.attempt >= enough;
    }
    default:
      return unreachable(inference);
  }
}

/**
 * A degraded answer is something for a person to see; a transient failure may pass; a deferral waits for a model that
 * may be well again. A permanent failure stands only where nothing else does. Among equals the first model counts,
 * among deferrals the earliest turn.
 */
function mostHopeful<Output>(outcomes: readonly Inference<Output>[]): Inference<Output> {
  const ranked = outcomes.toSorted(
    (left, right) => hopeOf(right) - hopeOf(left) || turnOf(left) - turnOf(right),
  );
  const [best] = ranked;
  if (best === undefined) throw new Error("a stage has at least one model");
  return best;
}

function hopeOf<Output>(inference: Inference<Output>): number {
  switch (inference.kind) {
    case "answered":
      return 4;
    case "degraded":
      return 3;
    case "failed":
      if (inference.failure.class !== "transient") return 0;
      return inference.failure.code === MODEL_NOT_CONFIGURED ? 0.5 : 2;
    case "deferred":
      return 1;
    default:
      return unreachable(inference);
  }
}

function turnOf<Output>(inference: Inference<Output>): number {
  return inference.kind === "deferred" ? inference.untilMs : 0;
}

function isOutage<Output>(inference: Inference<Output>): boolean {
  if (inference.kind === "deferred") return true;
  return inference.kind === "failed" && inference.failure.class === "transient";
}

async function reuseStale<Input, Schema extends z.ZodType>(
  { question, answer }: Stale<Input, Schema>,
  spent: Spent,
): Promise<Inference<z.output<Schema>> | null> {
  if (question.signal.aborted) return null;
  const reused = await reuse(question, answer, 0, spent);
  if (reused?.kind !== "answered" || reused.model === null) return null;
  question.run.logger.warn("cache_stale_used", { model: question.model });
  return { ...reused, model: { ...reused.model, degraded: "stale" } };
}

function codeOf<Output>(inference: Inference<Output>): string {
  switch (inference.kind) {
    case "answered":
      return "ok";
    case "degraded":
      return inference.why.code;
    case "failed":
      return inference.failure.code;
    case "deferred":
      return inference.denial;
    default:
      return unreachable(inference);
  }
}
