/** The bench's Worker on workerd, and the model server that counts behind it. */
import { startModelServer } from "../../dev/model-server/server.ts";
import { startLaneBench } from "../lib/lane-bench.ts";
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
  const bench = await startLaneBench<GuardBenchCommand>({
    name: "guard-bench",
    main: "bench/guard/worker/bench.worker.ts",
    vars: { MODEL_BASE_URL: `${model.url}/v1` },
  });
  return {
    model,
    send: bench.send,
    async readCounts() {
      const read = (await bench.send({ kind: "read" })) as { readonly counts: Counts }; // our own Worker's answer
      return read.counts;
    },
    async close() {
      await bench.close();
      await model.close();
    },
  };
}
