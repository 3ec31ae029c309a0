/**
 * What a partition forgets, and when: weeks past their retention, and under pressure of space what was delivered
 * before its time. Large bodies go from the object store after the events that named them. Run by the alarm.
 */
import { LIMITS } from "../config/limits.ts";
import { messageOf } from "../core/result.ts";
import type { Logger } from "../telemetry/log.ts";
import type { PartitionStore } from "./store.ts";

/** The object store, as far as upkeep needs it. */
export interface BodyBucket {
  delete(keys: string[]): Promise<void>;
}

export interface UpkeepDependencies {
  readonly storage: Pick<DurableObjectStorage, "transactionSync">;
  readonly store: Pick<
    PartitionStore,
    "storedBytes" | "nextRetentionMs" | "planRetirement" | "retire" | "dropEarly"
  >;
  readonly bodies: BodyBucket;
  readonly log: Logger;
}

export class Upkeep {
  private readonly deps: UpkeepDependencies;
  /** Nothing could be dropped: looked at again after this. */
  private pressureNotBeforeMs = 0;

  constructor(deps: UpkeepDependencies) {
    this.deps = deps;
  }

  /** When the alarm must run it; null: nothing stored will ever be too old, and there is room. */
  nextAtMs(nowMs: number): number | null {
    const retentionMs = this.deps.store.nextRetentionMs(LIMITS.partition.minRetainMs);
    if (!this.isUnderPressure()) return retentionMs;
    const pressureMs = Math.max(nowMs, this.pressureNotBeforeMs);
    return Math.min(pressureMs, retentionMs ?? pressureMs);
  }

  /** @returns true when nothing at all is left */
  async run(nowMs: number): Promise<boolean> {
    const { store, storage } = this.deps;
    const plans = store.planRetirement(nowMs, LIMITS.partition.minRetainMs);
    const empty = storage.transactionSync(() => store.retire(plans, nowMs, LIMITS.partition.minRetainMs));
    await this.removeBodies(plans.flatMap(({ bodies }) => bodies));
    await this.relieve(nowMs);
    return empty;
  }

  private isUnderPressure(): boolean {
    const { maxStoredBytes, pressureShare } = LIMITS.partition;
    return this.deps.store.storedBytes >= maxStoredBytes * pressureShare;
  }

  private async relieve(nowMs: number): Promise<void> {
    if (!this.isUnderPressure() || nowMs < this.pressureNotBeforeMs) return;
    const { storage, store, log } = this.deps;
    const { dropped, bodies } = storage.transactionSync(() =>
      store.dropEarly(LIMITS.partition.earlyDropEvents),
    );
    if (dropped === 0) this.pressureNotBeforeMs = nowMs + LIMITS.partition.pressureAgainMs;
    log.warn("partition_under_pressure", { dropped, stored_bytes: store.storedBytes });
    await this.removeBodies(bodies);
  }

  /** What is not removed here has no reader any more, and goes by the bucket's own lifecycle rule. */
  private async removeBodies(keys: readonly string[]): Promise<void> {
    try {
      await deleteBodies(this.deps.bodies, keys);
    } catch (thrown) {
      this.deps.log.warn("bodies_not_removed", { bodies: keys.length, error: messageOf(thrown) });
    }
  }
}

export async function deleteBodies(bucket: BodyBucket, keys: readonly string[]): Promise<void> {
  for (let start = 0; start < keys.length; start += KEYS_PER_CALL) {
    await bucket.delete(keys.slice(start, start + KEYS_PER_CALL));
  }
}

/** What R2 takes at once. */
const KEYS_PER_CALL = 1_000;
