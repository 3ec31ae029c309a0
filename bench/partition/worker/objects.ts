/** The gateway's own objects with counters on their doors, and a partition that can be filled by SQL. */
import type {
  ClaimReply,
  ClaimRequest,
  ExchangeReply,
  ExchangeRequest,
  OfferReply,
  OfferRequest,
} from "../../../src/core/partition/commands.ts";
import type { GatewayEnv } from "../../../src/env.ts";
import { GuardObject } from "../../../src/guard/guard-object.ts";
import { PartitionObject } from "../../../src/partition/partition-object.ts";
import { bucketOfTime } from "../../../src/partition/schema.ts";
import type { PartitionNamespace, PartitionStub } from "../../../src/partition/stub.ts";
import { count } from "./tally.ts";

/** What the bench needs beyond the partition's own methods. */
export interface BenchPartitionRpc {
  fill(count: number): Promise<void>;
  finish(count: number): Promise<void>;
}

export interface BenchNamespace extends PartitionNamespace {
  get(id: DurableObjectId): PartitionStub & BenchPartitionRpc;
}

export type BenchEnv = Omit<GatewayEnv, "PARTITION"> & { readonly PARTITION: BenchNamespace };

export class BenchPartition extends PartitionObject {
  constructor(state: DurableObjectState, env: GatewayEnv) {
    const { storage } = state;
    const setAlarm = storage.setAlarm.bind(storage);
    storage.setAlarm = (at, options) => {
      count("setAlarm");
      return setAlarm(at, options);
    };
    super(state, env);
  }

  override offer(request: OfferRequest): Promise<OfferReply> {
    count("offer");
    return super.offer(request);
  }

  override claim(request: ClaimRequest): Promise<ClaimReply> {
    count("claim");
    return super.claim(request);
  }

  override exchange(request: ExchangeRequest): Promise<ExchangeReply> {
    count("exchange");
    return super.exchange(request);
  }

  override alarm(): Promise<void> {
    count("alarm");
    return super.alarm();
  }

  /** Rows of events that ended long ago, as far as a query can tell. Their record is never read. */
  fill(rows: number): void {
    const bucket = bucketOfTime(Date.now());
    const existing = this.ctx.storage.sql.exec<{ rows: number }>(
      `SELECT COUNT(*) AS rows FROM events_${bucket}`,
    );
    const before = existing.one().rows;
    this.ctx.storage.sql.exec(
      `WITH RECURSIVE numbers(n) AS (SELECT ?1 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < ?1 + ?2)
       INSERT INTO events_${bucket} (id, ord, received_at, open, priority, next_at, record)
       SELECT lower(hex(randomblob(24))), -1e9 + n, n, 0, 1, 0, '{}' FROM numbers`,
      before,
      rows,
    );
  }

  /** The object is restarted, because it counts its open events itself. */
  finish(rows: number): void {
    const bucket = bucketOfTime(Date.now());
    this.ctx.storage.sql.exec(
      `UPDATE events_${bucket} SET open = 0, record = json_set(record, '$.state', 'done') WHERE id IN
         (SELECT id FROM events_${bucket} WHERE open = 1 ORDER BY ord, received_at, id LIMIT ?)`,
      rows,
    );
    this.ctx.waitUntil(scheduler.wait(1).then(() => this.ctx.abort("restart")));
  }
}

export class BenchGuard extends GuardObject {
  override admit(command: unknown): ReturnType<GuardObject["admit"]> {
    count("admit");
    return super.admit(command);
  }

  override settle(command: unknown): ReturnType<GuardObject["settle"]> {
    count("settle");
    return super.settle(command);
  }
}
