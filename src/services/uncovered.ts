/** Says at the start what a jurisdiction of the config has not of its own: its events then pass through what is common. Changes nothing. */
import type { GatewayConfig } from "../config/gateway-options.ts";
import type { Jurisdiction } from "../core/ids.ts";
import { findOwnLanes } from "../lanes/wire/lane-set.ts";
import { bindingSuffix } from "../platform/jurisdictions.ts";
import type { Logger } from "../telemetry/log.ts";

export interface UncoveredParts {
  readonly binding: (name: string) => unknown;
  readonly hasLedger: (jurisdiction: Jurisdiction) => boolean;
  readonly log: Logger;
}

export function warnOfUncovered({ sources }: Pick<GatewayConfig, "sources">, parts: UncoveredParts): void {
  const named = new Set([...sources.values()].map(({ jurisdiction }) => jurisdiction));
  for (const jurisdiction of named) {
    if (jurisdiction === "none") continue;
    const suffix = bindingSuffix(jurisdiction);
    const missing = [
      ...(findOwnLanes(parts.binding, jurisdiction) === null ? [`LANE_*${suffix}`] : []),
      ...(parts.binding(`PAYLOADS${suffix}`) === undefined ? [`PAYLOADS${suffix}`] : []),
      ...(parts.hasLedger(jurisdiction) ? [] : [`LEDGER${suffix}`, `TELEMETRY${suffix}`]),
    ];
    if (missing.length === 0) continue;
    parts.log.warn("jurisdiction_not_covered", { jurisdiction, missing: missing.join(" ") });
  }
}
