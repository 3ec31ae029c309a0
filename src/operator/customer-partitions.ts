/** Which partitions a customer may have: names are hashes of what the config says, so none has to be looked up. */
import type { GatewayConfig } from "../config/gateway-options.ts";
import { makePartitionName, type PartitionName } from "../core/ids.ts";

/** Older epochs looked at beside the present one. */
const EPOCHS = 5;

/** @param customer `space:key`, as in `partitionKey` */
export async function partitionsOf(
  sources: GatewayConfig["sources"],
  customer: string,
): Promise<readonly PartitionName[]> {
  const names = new Set<PartitionName>();
  for (const [sourceName, { space = sourceName, jurisdiction, epoch }] of sources) {
    if (!customer.startsWith(`${space}:`)) continue;
    const key = customer.slice(space.length + 1);
    for (let old = epoch; old > Math.max(0, epoch - EPOCHS); old--) {
      for (const mode of ["ordered", "unordered"] as const) {
        names.add(await makePartitionName({ jurisdiction, epoch: old, mode, space, key }));
      }
    }
  }
  return [...names];
}
