/** Starts the bench's Worker on workerd and speaks to it. */
import { createTestHarness, unstable_readConfig } from "wrangler";
import { residentMibOfWorkerd } from "../../dev/lib/resident-memory.ts";
import type { BenchCommand, BenchReading } from "./commands.ts";

export interface BenchGateway {
  send(command: BenchCommand): Promise<unknown>;
  /** Counts since the last reset; rows and open events of these customers. */
  read(customers: readonly string[]): Promise<BenchReading>;
  /** Resident memory of the runtime, in MiB. */
  residentMib(): number;
  close(): Promise<void>;
}

export async function startBenchGateway(): Promise<BenchGateway> {
  const base = unstable_readConfig({ config: "./wrangler.toml" });
  const lanes = ["high", "normal", "low"];
  const harness = createTestHarness({
    workers: [
      {
        config: {
          name: "partition-bench",
          main: "bench/partition/worker/bench.worker.ts",
          compatibility_date: base.compatibility_date ?? "",
          compatibility_flags: base.compatibility_flags,
          durable_objects: {
            bindings: [
              { name: "PARTITION", class_name: "BenchPartition" },
              { name: "GUARD", class_name: "BenchGuard" },
            ],
          },
          migrations: [{ tag: "v1", new_sqlite_classes: ["BenchPartition", "BenchGuard"] }],
          queues: {
            producers: lanes.map((lane) => ({
              binding: `LANE_${lane.toUpperCase()}`,
              queue: `bench-${lane}`,
            })),
            consumers: lanes.map((lane) => ({
              queue: `bench-${lane}`,
              max_batch_size: 5,
              max_batch_timeout: 0,
            })),
          },
        },
      },
    ],
  });
  const { url } = await harness.listen();
  const send = async (command: BenchCommand): Promise<unknown> => {
    const response = await fetch(url, { method: "POST", body: JSON.stringify(command) });
    if (!response.ok) throw new Error(`the bench's Worker: ${response.status} ${await response.text()}`);
    return response.json();
  };
  return {
    send,
    read: async (customers) => (await send({ kind: "read", customers })) as BenchReading, // our own Worker's answer
    residentMib: () => residentMibOfWorkerd(process.pid),
    close: () => harness.close(),
  };
}
