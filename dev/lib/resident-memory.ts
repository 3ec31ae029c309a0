/** The memory of the local runtime, as the operating system counts it: its isolates and its stand-ins for storage together. */
import { readdirSync, readFileSync } from "node:fs";

/** The runtime is the largest of this process's descendants. Linux only; elsewhere not a number. */
export function residentMibOfWorkerd(ancestor: number): number {
  try {
    const processes = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
    const status = (pid: string): string => {
      try {
        return readFileSync(`/proc/${pid}/status`, "utf8");
      } catch {
        return ""; // ended meanwhile
      }
    };
    const field = (text: string, name: string): number =>
      Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(text)?.[1] ?? Number.NaN);
    const statuses = processes.map((pid) => ({ pid: Number(pid), text: status(pid) }));
    const family = new Set([ancestor]);
    for (let grown = -1; grown !== family.size;) {
      grown = family.size;
      for (const { pid, text } of statuses) if (family.has(field(text, "PPid"))) family.add(pid);
    }
    family.delete(ancestor);
    const resident = statuses
      .filter(({ pid, text }) => family.has(pid) && /^Name:\s+workerd/m.test(text))
      .map(({ text }) => field(text, "VmRSS"));
    return Math.max(...resident) / 1_024;
  } catch {
    return Number.NaN;
  }
}
