/** A fault that would break a promise, told in one edit. */
import type { TargetName } from "../targets.ts";

export interface NamedMutant {
  readonly id: string;
  readonly target: TargetName;
  readonly file: string;
  /** Occurs once in the file. */
  readonly find: string;
  readonly replace: string;
  /** What would be broken. */
  readonly promise: string;
}

type Fault = Omit<NamedMutant, "target" | "file">;

export function faultsIn(target: TargetName, file: string, faults: readonly Fault[]): NamedMutant[] {
  return faults.map((fault) => ({ ...fault, target, file }));
}
