/**
 * KV in front of the partitions: it lies as KV may. A location sees an older value, or none, for a minute and more; a
 * write is lost, or lands after a later one; an entry is gone before its time; a read takes long, or fails.
 */
import { createIdempotencyCache, type IdempotencyCache } from "../../src/cache/idempotency.ts";
import { defineSource, type Source } from "../../src/config/define-source.ts";
import type { IdempotencyMode } from "../../src/core/idempotency.ts";
import { stripe } from "../../src/ingest/senders/payments.ts";
import type { IdempotencyStore } from "../../src/cache/idempotency.ts";
import { reading } from "../support/kv.ts";
import type { Context } from "./context.ts";
import { Outage } from "./faults.ts";
import { never, type SimProcess } from "./process.ts";
import { traceLogger } from "./trace-logger.ts";
import { short } from "./trace.ts";

interface Written {
  readonly atMs: number;
  /** null: deleted, or gone. */
  readonly text: string | null;
}

const READ_MS = 8;
const WRITE_MS = 30;
/** "60 seconds or more", as the platform says. */
const STALE_MS = 90_000;

export class SimKv {
  readonly down: Outage;
  private readonly context: Context;
  private readonly sources: ReadonlyMap<string, Source>;
  private readonly history = new Map<string, Written[]>();

  constructor(context: Context) {
    this.context = context;
    this.down = new Outage(context.faults, "cache_down", () => context.clock.nowMs);
    const idempotency = context.chance.stream("cache").pick<IdempotencyMode>(["results", "duplicates"]);
    const sim = defineSource({
      verify: stripe({ secrets: ["UNUSED"] }),
      idempotency,
      events: {},
      routes: () => [],
    });
    this.sources = new Map([["sim", sim]]);
  }

  /** The real cache, as one process has it. */
  cacheOf(process: SimProcess): IdempotencyCache {
    const { context } = this;
    return createIdempotencyCache({
      sources: this.sources,
      storeOf: () => this.store(process),
      nowMs: () => process.nowMs(),
      waitUntil: (work) => {
        work.catch((thrown: unknown) => context.violate("the cache never throws", String(thrown)));
      },
      logger: traceLogger(context.trace, process.name),
    });
  }

  private store(process: SimProcess): IdempotencyStore {
    const write = (key: string, text: string | null) => this.write(process, key, text);
    return {
      get: reading(async (keys) => {
        await this.reach(process);
        return keys.map((key) => this.read(key));
      }),
      put: (key, text) => write(key, text),
      delete: (key) => write(key, null),
      list: () => never(),
    };
  }

  private async reach(process: SimProcess): Promise<void> {
    const { clock, chance, faults } = this.context;
    if (!process.alive) return never();
    const isSlow = faults.strikes("cache_slow", 0.1);
    const slowMs = isSlow ? faults.stream("cache_slow").integer(30, 20_000) : 0;
    await clock.wait(chance.latencyMs(READ_MS) + slowMs, `${process.name} reads kv`, process);
    if (this.down.hits()) throw new Error("KV GET failed: 503");
  }

  private read(key: string): string | null {
    const { clock, faults } = this.context;
    const history = this.history.get(key) ?? [];
    const present = history.at(-1)?.text ?? null;
    if (present !== null && faults.strikes("cache_forgot", 0.3)) {
      this.land(key, null);
      return null;
    }
    const seenAtMs = clock.nowMs - faults.stream("cache_stale").integer(0, STALE_MS);
    const before = history.findLast(({ atMs }) => atMs <= seenAtMs)?.text ?? null;
    // A fault only where it shows.
    return before !== present && faults.strikes("cache_stale", 0.8) ? before : present;
  }

  private async write(process: SimProcess, key: string, text: string | null): Promise<void> {
    const { clock, chance, faults } = this.context;
    if (!process.alive) return never();
    await clock.wait(chance.latencyMs(WRITE_MS), `${process.name} writes kv`, process);
    if (this.down.hits() || faults.strikes("cache_write_lost", 0.1)) throw new Error("KV PUT failed: 429");
    const isLate = faults.strikes("cache_write_late", 0.1);
    if (!isLate) return this.land(key, text);
    const lateMs = faults.stream("cache_write_late").integer(1_000, 600_000);
    clock.schedule(lateMs, "a late write", () => this.land(key, text));
  }

  private land(key: string, text: string | null): void {
    const { clock, trace } = this.context;
    this.history.set(key, [...(this.history.get(key) ?? []), { atMs: clock.nowMs, text }]);
    trace.line(`kv ${short(key)} ${text ?? "gone"}`);
  }
}
