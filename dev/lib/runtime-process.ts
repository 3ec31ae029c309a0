/** The runtime's process, seen from its parent: memory and CPU, as Linux counts them. Elsewhere not a number. */
import { globSync, readdirSync, readFileSync } from "node:fs";

/** Of all descendants named workerd, the largest: the others only pass requests on. */
export function findRuntime(ancestor: number): number | null {
  const processes = readdirProc().map((pid) => ({ pid, status: statusOf(pid) }));
  const family = new Set([ancestor]);
  for (let grown = -1; grown !== family.size;) {
    grown = family.size;
    for (const { pid, status } of processes) if (family.has(field(status, "PPid"))) family.add(pid);
  }
  family.delete(ancestor);
  const runtimes = processes
    .filter(({ pid, status }) => family.has(pid) && /^Name:\s+workerd/m.test(status))
    .toSorted((left, right) => field(right.status, "VmRSS") - field(left.status, "VmRSS"));
  return runtimes[0]?.pid ?? null;
}

/** Resident memory, in MiB. */
export function residentMib(pid: number): number {
  return field(statusOf(pid), "VmRSS") / 1_024;
}

/** CPU time that all its threads have used so far, in milliseconds, as the scheduler counts it. */
export function cpuMs(pid: number): number {
  const tasks = globSync(`/proc/${pid}/task/*/schedstat`).map((file) => readText(file).split(" ", 1)[0]);
  return tasks.reduce((sum, nanoseconds) => sum + Number(nanoseconds ?? 0), 0) / 1_000_000;
}

function readdirProc(): readonly number[] {
  try {
    return readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
  } catch {
    return [];
  }
}

function statusOf(pid: number): string {
  return readText(`/proc/${pid}/status`);
}

/** "" for a process that has ended meanwhile. */
function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

function field(text: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(text)?.[1] ?? Number.NaN);
}
