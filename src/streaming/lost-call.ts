/**
 * A call whose object died before it ended: nobody heard what it used, and the provider bills it all the same. It is charged, counted and
 * logged by what was stored of it. Its permit runs out by itself.
 */
import { failure } from "../core/failure.ts";
import { messageOf } from "../core/result.ts";
import type { StreamRecord } from "../core/stream/model.ts";
import type { TokenUsage } from "../models/port.ts";
import { costMicros } from "../models/price.ts";
import type { CallDeps } from "./admit-call.ts";
import type { Asked } from "./stream-store.ts";

const LOST = failure("infer", "transient", "interrupted", "the object that made the call is gone");

export interface LostCall {
  readonly record: StreamRecord;
  readonly asked: Asked;
  /** Estimated. */
  readonly usage: TokenUsage;
}

/** Once, after the log has been taken up anew. Never rejects. */
export async function settleLostCall(
  { models, budgets, observe, nowMs, log }: CallDeps,
  { record, asked, usage }: LostCall,
): Promise<void> {
  const { id, model: name, startedAtMs } = record;
  const { caller } = asked;
  const found = models.get(name);
  if (!found.ok) return;
  const micros = costMicros(usage, found.value.definition.price);
  if (micros !== null) budgets?.charge(name, caller, { micros, isEstimated: true });
  observe?.({
    model: found.value,
    request: { model: name, texts: [], options: { prompt: [] }, ...(caller === undefined ? {} : { caller }) },
    startedAtMs,
    facts: { latencyMs: nowMs() - startedAtMs, usage },
    failed: LOST,
    costMicros: micros,
  });
  log.warn("stream_lost", {
    id,
    model: name,
    output_tokens: usage.outputTokens,
    cost_micros: micros ?? undefined,
  });
  try {
    await budgets?.flush();
  } catch (thrown) {
    log.warn("stream_lost_uncharged", { id, error: messageOf(thrown) });
  }
}
