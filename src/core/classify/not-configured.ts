/**
 * A key, URL or binding that the operator has not set yet. Nobody's fault but the set-up's: such work is
 * deferred (it uses up no retry) and goes on by itself once the value is there.
 */
import type { StageFailure } from "../failure.ts";

export const MODEL_NOT_CONFIGURED = "model_not_configured";
export const DESTINATION_NOT_CONFIGURED = "destination_not_configured";
export const PIPELINE_NOT_CONFIGURED = "pipeline_not_configured";

const NOT_CONFIGURED = new Set([MODEL_NOT_CONFIGURED, DESTINATION_NOT_CONFIGURED, PIPELINE_NOT_CONFIGURED]);

export function isNotConfigured({ code }: StageFailure): boolean {
  return NOT_CONFIGURED.has(code);
}
