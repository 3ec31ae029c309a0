/** The runtime's process, seen from its parent: CPU, as Linux counts it. Elsewhere not a number. */
import { globSync, readFileSync } from "node:fs";

/** CPU time that all its threads have used so far, in milliseconds, as the scheduler counts it. */
export function cpuMs(pid: number): number {
  const tasks = globSync(`/proc/${pid}/task/*/schedstat`).map((file) => readText(file).split(" ", 1)[0]);
  return tasks.reduce((sum, nanoseconds) => sum + Number(nanoseconds ?? 0), 0) / 1_000_000;
}

/** "" for a process that has ended meanwhile. */
function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
