/** Starts the bench's Worker on workerd and speaks to it. */
import { residentMibOfWorkerd } from "../../dev/lib/resident-memory.ts";
import { startLaneBench } from "../lib/lane-bench.ts";
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
  const { send, close } = await startLaneBench<BenchCommand>({
    name: "partition-bench",
    main: "bench/partition/worker/bench.worker.ts",
  });
  return {
    send,
    read: async (customers) => (await send({ kind: "read", customers })) as BenchReading, // our own Worker's answer
    residentMib: () => residentMibOfWorkerd(process.pid),
    close,
  };
}
