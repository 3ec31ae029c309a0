/**
 * Every buffer, depth, size, wait and retry that Sluice bounds, with its unit and its reason, by part.
 * What a deployer should tune is in `config/`; what is here protects the machinery.
 */
import { GUARD_LIMITS } from "./guard-limits.ts";
import { INGEST_LIMITS } from "./ingest-limits.ts";
import { LOG_LIMITS } from "./log-limits.ts";
import { OPERATIONS_LIMITS } from "./operations-limits.ts";
import { PIPELINE_LIMITS } from "./pipeline-limits.ts";
import { STREAM_LIMITS } from "./stream-limits.ts";
import { DAY_MS, HOUR_MS, KIB, MIB, MINUTE_MS, SECOND_MS } from "./units.ts";

export { DAY_MS, HOUR_MS, KIB, MIB, MINUTE_MS, SECOND_MS };

export const LIMITS = {
  ...INGEST_LIMITS,
  ...LOG_LIMITS,
  ...PIPELINE_LIMITS,
  ...STREAM_LIMITS,
  ...OPERATIONS_LIMITS,
  guard: GUARD_LIMITS,
  headers: {
    /** `Retry-After` and limit headers beyond this are taken for nonsense. */
    maxRetryAfterMs: HOUR_MS,
  },
} as const;
