/** Whether the model was asked more often than the kills explain. Every prompt of a run is about one event and stage. */
import type { ModelCall } from "../model-server/call-record.ts";
import type { End, Records } from "./records.ts";
import { referenceInPrompt } from "./traffic.ts";

export interface CallJudgement {
  readonly calls: number;
  readonly prompts: number;
  /** Asked again after a kill, the output not being stored yet. */
  readonly afterKill: number;
  /** Asked again after the gateway had noted a failed try or a lost driver: a time-out, on a busy machine. */
  readonly afterSetback: number;
  /** Asked again for no such reason. */
  readonly unexplained: readonly string[];
  /** Asked although the output was stored: what must never happen, kill or not. */
  readonly afterStored: readonly string[];
}

export function judgeCalls({ calls, ends }: Records, killsAtMs: readonly number[]): CallJudgement {
  const prompts = [...Map.groupBy(calls, (call) => call.textHash).values()];
  const endsByReference = Map.groupBy(ends, (end) => end.reference);
  let afterKill = 0;
  let afterSetback = 0;
  const unexplained: string[] = [];
  for (const same of prompts) {
    for (const [index, call] of same.entries()) {
      const before = same[index - 1];
      if (before === undefined) continue;
      const between = (atMs: number): boolean => atMs >= before.atMs && atMs <= call.atMs;
      const own = endsByReference.get(referenceInPrompt(call.textStart) ?? "") ?? [];
      if (killsAtMs.some(between)) afterKill++;
      else if (own.some(({ setbacksAtMs }) => setbacksAtMs.some(between))) afterSetback++;
      else unexplained.push(`${call.textStart}: ${call.id} after ${before.id} (status ${before.status})`);
    }
  }
  const afterStored = judgeStored(prompts, ends);
  return { calls: calls.length, prompts: prompts.length, afterKill, afterSetback, unexplained, afterStored };
}

/** An event's prompts and its stored outputs, both in the order of time, belong together one by one. */
function judgeStored(prompts: readonly (readonly ModelCall[])[], ends: readonly End[]): string[] {
  const byReference = Map.groupBy(prompts, ([first]) => referenceInPrompt(first?.textStart ?? ""));
  const endsByReference = Map.groupBy(ends, (end) => end.reference);
  return [...byReference].flatMap(([reference, asked]) => {
    const storedAtMs = (endsByReference.get(reference ?? "") ?? [])
      .flatMap((end) => end.outputAtMs ?? [])
      .sort((left, right) => left - right);
    return asked.flatMap((same, index) => {
      const outputAtMs = storedAtMs[index] ?? Number.POSITIVE_INFINITY;
      return same
        .filter((call) => call.atMs > outputAtMs)
        .map((call) => `${reference}: ${call.id}, ${call.atMs - outputAtMs} ms after its output was stored`);
    });
  });
}
