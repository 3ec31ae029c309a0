/** The bench's Worker on workerd, and the model server that counts behind it. */
import { createTestHarness, unstable_readConfig } from "wrangler";
import { startModelServer } from "../../dev/model-server/server.ts";
import type { Counts } from "../partition/commands.ts";
import type { GuardBenchCommand } from "./commands.ts";

export interface GuardBench {
  readonly model: Awaited<ReturnType<typeof startModelServer>>;
  send(command: GuardBenchCommand): Promise<unknown>;
  readCounts(): Promise<Counts>;
  close(): Promise<void>;
}

/** Its limits are above the guard's: what it is sent, it counts and answers, so that a breach would show. */
const MODEL = { port: 0, requestsPerMinute: 1_000_000, tokensPerMinute: 1_000_000_000, latencyMs: 250 };

export async function startGuardBench(): Promise<GuardBench> {
  const model = await startModelServer(MODEL);
  const base = unstable_readConfig({ config: "./wrangler.toml" });
  const lanes = ["high", "normal", "low"];
  const harness = createTestHarness({
    workers: [
      {
        config: {
          name: "guard-bench",
          main: "bench/guard/worker/bench.worker.ts",
          compatibility_date: base.compatibility_date ?? "",
          compatibility_flags: base.compatibility_flags,
          vars: { MODEL_BASE_URL: `${model.url}/v1` },
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
              queue: `guard-${lane}`,
            })),
            consumers: lanes.map((lane) => ({
              queue: `guard-${lane}`,
              max_batch_size: 5,
              max_batch_timeout: 0,
            })),
          },
        },
      },
    ],
  });
  const { url } = await harness.listen();
  const send = async (command: GuardBenchCommand): Promise<unknown> => {
    const response = await fetch(url, { method: "POST", body: JSON.stringify(command) });
    if (!response.ok) throw new Error(`the bench's Worker: ${response.status} ${await response.text()}`);
    return response.json();
  };
  return {
    model,
    send,
    async readCounts() {
      const read = (await send({ kind: "read" })) as { readonly counts: Counts }; // our own Worker's answer
      return read.counts;
    },
    async close() {
      await harness.close();
      await model.close();
    },
  };
}
