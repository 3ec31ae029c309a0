import { applyD1Migrations, createScheduledController, type D1Migration } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, inject, it } from "vitest";
import type { PartitionName } from "../../src/core/ids.ts";
import { sweepPartitions, type SweepDependencies } from "../../src/lanes/sweep.ts";
import { LIMITS } from "../../src/config/limits.ts";
import {
  consumeTelemetry,
  type ProjectionDependencies,
  type TelemetryDelivery,
} from "../../src/ledger/consumer.ts";
import { createOpenPartitions, type OpenPartitions } from "../../src/ledger/open-partitions.ts";
import { createProjection } from "../../src/ledger/projection.ts";
import { createLogger } from "../../src/telemetry/log.ts";
import { partitionFor } from "../support/envelopes.ts";

declare module "vitest" {
  interface ProvidedContext {
    ledgerMigrations: D1Migration[];
  }
}

const NOW_MS = 1_700_000_000_000;
const log = createLogger("error");
let openPartitions: OpenPartitions;
let partition: PartitionName;

beforeEach(async () => {
  await applyD1Migrations(env.LEDGER, inject("ledgerMigrations"));
  await env.LEDGER.exec("DELETE FROM open_partitions");
  openPartitions = createOpenPartitions(env.LEDGER);
  partition = await partitionFor("swept");
});

function sweep(poke: SweepDependencies["partitions"]["poke"]): Promise<void> {
  const limits = { sweepGraceMs: 90_000, sweepPartitions: 10, sweepAgainMs: 3_600_000 };
  return sweepPartitions({ openPartitions, partitions: { poke }, nowMs: () => NOW_MS, log, limits });
}

class Delivery implements TelemetryDelivery {
  readonly id = "m1";
  readonly attempts = 1;
  readonly timestamp = new Date(NOW_MS);
  verdict: "none" | "ack" | "retry" = "none";
  readonly body: unknown;

  constructor(body: unknown) {
    this.body = body;
  }

  ack(): void {
    this.verdict = "ack";
  }

  retry(): void {
    this.verdict = "retry";
  }
}

describe("the sweep", () => {
  it("pokes what is overdue beyond the grace, and leaves the rest to lane and alarm", async () => {
    const fresh = await partitionFor("fresh");
    await openPartitions.report([{ partition, dueMs: NOW_MS - 90_000 }], NOW_MS);
    await openPartitions.report([{ partition: fresh, dueMs: NOW_MS - 89_000 }], NOW_MS);
    const poked: PartitionName[] = [];
    await sweep((name) => {
      poked.push(name);
      return Promise.resolve({ v: 1, openEvents: 0, nextDueMs: null });
    });
    expect(poked).toEqual([partition]);
    expect(await openPartitions.overdue(NOW_MS, 10)).toEqual([fresh]);
  });

  it("keeps a partition on its list while anything is open, also when it cannot be reached", async () => {
    await openPartitions.report([{ partition, dueMs: NOW_MS - 100_000 }], NOW_MS);
    await sweep(() => Promise.resolve({ v: 1, openEvents: 3, nextDueMs: NOW_MS + 5_000 }));
    expect(await openPartitions.overdue(NOW_MS + 5_000, 10)).toEqual([partition]);
    await openPartitions.report([{ partition, dueMs: NOW_MS - 100_000 }], NOW_MS);
    await sweep(() => Promise.reject(new Error("no route")));
    expect(await openPartitions.overdue(NOW_MS, 10)).toEqual([partition]);
  });

  it("is what the cron runs, and an empty list is no work", async () => {
    const { default: worker } = await import("./worker.ts");
    await expect(worker.scheduled(createScheduledController(), env)).resolves.toBeUndefined();
  });
});

function projecting(list: OpenPartitions): ProjectionDependencies {
  return {
    openPartitions: list,
    projection: createProjection(env.LEDGER, "rows"),
    partitions: { acknowledge: () => Promise.resolve() },
    limits: LIMITS.ledger,
    log,
  };
}

describe("telemetry", () => {
  it("becomes the sweep's list; an older report does not replace a newer one", async () => {
    const delivery = new Delivery({ v: 1, kind: "partition_open", partition, dueMs: 7 });
    await consumeTelemetry(projecting(openPartitions), [delivery]);
    expect(delivery.verdict).toBe("ack");
    await openPartitions.report([{ partition, dueMs: NOW_MS * 2 }], NOW_MS - 1);
    expect(await openPartitions.overdue(7, 10)).toEqual([partition]);
  });

  it("goes back to its queue when D1 is down, and so does what cannot be read", async () => {
    const readable = new Delivery({ v: 1, kind: "partition_open", partition, dueMs: 7 });
    const unreadable = new Delivery({ v: 2, kind: "news" });
    const down = { ...openPartitions, report: () => Promise.reject(new Error("D1 is down")) };
    await consumeTelemetry(projecting(down), [readable, unreadable]);
    expect([readable.verdict, unreadable.verdict]).toEqual(["retry", "retry"]);
  });
});
