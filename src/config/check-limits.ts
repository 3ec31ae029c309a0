/** Numbers a config may set: limits of models, destinations, lanes and streams. */
import { isRegion, REGIONS } from "../core/regions.ts";
import type { Priority } from "../core/policy.ts";
import type { LaneLimits } from "../core/shedding.ts";
import type { GuardLimits } from "../guard/port.ts";
import type { ModelDefinition } from "../models/port.ts";
import { ConfigError } from "./config-error.ts";
import type { GatewayOptions, StreamLimitsByKey } from "./gateway-options.ts";
import { LIMITS } from "./limits.ts";

const WHOLE_LIMITS = ["requestsPerMinute", "tokensPerMinute", "maxConcurrent", "shards"] as const;

/** What a guard would refuse when it is first asked, which would leave every event waiting. */
export function checkLimits(key: string, limits: GuardLimits): void {
  for (const name of WHOLE_LIMITS) {
    const limit = limits[name];
    if (limit === undefined || (Number.isSafeInteger(limit) && limit >= 1)) continue;
    throw new ConfigError(
      `${key}.${name}`,
      `${limit} is not a whole number of at least 1`,
      "Use a whole number, or leave it out for no limit",
    );
  }
  const { slowMs } = limits;
  if (slowMs === undefined || (Number.isFinite(slowMs) && slowMs > 0)) return;
  throw new ConfigError(`${key}.slowMs`, `${slowMs} is not a time`, "Use milliseconds above 0");
}

export function laneLimitsOf(lanes: NonNullable<GatewayOptions["lanes"]>): LaneLimits {
  const limitOf = (priority: Priority) => {
    const { maxBacklog } = lanes[priority] ?? { maxBacklog: LIMITS.lanes.defaultMaxBacklog };
    if (Number.isInteger(maxBacklog) && maxBacklog > 0) return { maxBacklog };
    const key = `lanes.${priority}.maxBacklog`;
    throw new ConfigError(key, `${maxBacklog} is no number of events`, "Use a whole number above 0");
  };
  return { high: limitOf("high"), normal: limitOf("normal"), low: limitOf("low") };
}

export function checkEndpoints(name: string, regional: NonNullable<ModelDefinition["regional"]>): void {
  for (const [index, { region, definition }] of regional.entries()) {
    const key = `models.${name}.endpoints[${index}]`;
    checkLimits(`${key}.limits`, definition.limits);
    const given: string = region; // whoever writes JavaScript may name anything
    if (!isRegion(given)) {
      throw new ConfigError(
        `${key}.region`,
        `"${given}" is not a region`,
        `Use one of: ${REGIONS.join(", ")}`,
      );
    }
    if (regional.findIndex((other) => other.region === region) === index) continue;
    throw new ConfigError(`${key}.region`, `${region} is there twice`, "Name each region once");
  }
}

export function streamLimitsOf({ api }: GatewayOptions): StreamLimitsByKey {
  const limits = { perUser: LIMITS.streams.perUser, ...api?.streamLimits };
  for (const [name, limit] of Object.entries(limits)) {
    for (const [key, value] of Object.entries(limit)) {
      if (Number.isInteger(value) && value > 0 && value <= LIMITS.streams.maxStartLimit) continue;
      const mend = `Use 1 to ${LIMITS.streams.maxStartLimit}`;
      throw new ConfigError(`api.streamLimits.${name}.${key}`, `${String(value)} is out of range`, mend);
    }
  }
  return limits;
}
