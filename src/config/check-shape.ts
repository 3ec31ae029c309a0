/** Holds what a builder was given against its shape, and says everything that is wrong with it at once. */
import type * as z from "zod";
import { ConfigError } from "./config-error.ts";

/**
 * @param where as a deployer knows it: `defineSource`, `pipeline "triage"`
 * @throws ConfigError with one line for each fault: its path and what would be right
 */
export function checkShape(where: string, shape: z.ZodType, value: unknown): void {
  const checked = shape.safeParse(value);
  if (checked.success) return;
  const faults = checked.error.issues.flatMap((issue) => faultsOf(issue, []));
  throw ConfigError.of(faults.map(({ path, problem }) => `${where}${path}: ${problem}`));
}

interface Fault {
  readonly path: string;
  readonly problem: string;
}

/** Of a union, the faults of the member that has the fewest: it is the one that was meant. */
function faultsOf(issue: z.core.$ZodIssue, before: readonly PropertyKey[]): readonly Fault[] {
  const path = [...before, ...issue.path];
  if (issue.code === "invalid_union" && issue.message === "Invalid input") {
    const [meant] = issue.errors.toSorted((left, right) => depthOf(right) - depthOf(left));
    if (meant !== undefined) return meant.flatMap((one) => faultsOf(one, path));
  }
  return [{ path: pathOf(path), problem: problemOf(issue.message) }];
}

/** How far into the value its first fault lies: the further, the more of it was as this member wants it. */
function depthOf(issues: readonly z.core.$ZodIssue[]): number {
  return issues.some(({ path, code }) => path.length === 0 || code === "invalid_value")
    ? -1
    : -issues.length + 100;
}

function problemOf(message: string): string {
  return message.replace(/^Invalid input: /, "");
}

function pathOf(path: readonly PropertyKey[]): string {
  return path.map((part) => (typeof part === "number" ? `[${part}]` : `.${String(part)}`)).join("");
}
