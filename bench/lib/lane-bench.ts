/**
 * A bench's Worker on workerd, with partitions, a guard and lanes of its own and nothing else of the gateway; and how the bench speaks
 * to it. Knows no bench's commands, and measures nothing.
 */
import { createTestHarness, unstable_readConfig } from "wrangler";

export interface LaneBenchOptions {
  /** Of the Worker; its queues begin with it. */
  readonly name: string;
  /** Entry point. It exports `BenchPartition` and `BenchGuard`. */
  readonly main: string;
  readonly vars?: Readonly<Record<string, string>>;
}

export interface LaneBench<Command> {
  /** @throws when the Worker does not answer 2xx */
  readonly send: (command: Command) => Promise<unknown>;
  readonly close: () => Promise<void>;
}

const LANES = ["high", "normal", "low"] as const;

export async function startLaneBench<Command>(options: LaneBenchOptions): Promise<LaneBench<Command>> {
  const { name, main, vars = {} } = options;
  const base = unstable_readConfig({ config: "./wrangler.toml" });
  const lanes = LANES.map((lane) => ({ binding: `LANE_${lane.toUpperCase()}`, queue: `${name}-${lane}` }));
  const harness = createTestHarness({
    workers: [
      {
        config: {
          name,
          main,
          compatibility_date: base.compatibility_date ?? "",
          compatibility_flags: base.compatibility_flags,
          vars,
          durable_objects: {
            bindings: [
              { name: "PARTITION", class_name: "BenchPartition" },
              { name: "GUARD", class_name: "BenchGuard" },
            ],
          },
          migrations: [{ tag: "v1", new_sqlite_classes: ["BenchPartition", "BenchGuard"] }],
          queues: {
            producers: lanes,
            consumers: lanes.map(({ queue }) => ({ queue, max_batch_size: 5, max_batch_timeout: 0 })),
          },
        },
      },
    ],
  });
  const { url } = await harness.listen();
  return {
    send: async (command) => {
      const response = await fetch(url, { method: "POST", body: JSON.stringify(command) });
      if (!response.ok) throw new Error(`the bench's Worker: ${response.status} ${await response.text()}`);
      return response.json();
    },
    close: () => harness.close(),
  };
}
