/** Faults that wait for their request: the first that matches is used, and used up after its `times`. */
import { DEV_LIMITS } from "./limits.ts";

export interface FaultBook<Fault> {
  /** Returns the fault's id, or null when there are too many. */
  add(fault: Fault): string | null;
  /** The first fault that matches, counted as used. */
  take(matches: (fault: Fault) => boolean): ArmedFault<Fault> | null;
  list(): readonly ArmedFault<Fault>[];
  clear(): void;
}

export interface ArmedFault<Fault> {
  readonly id: string;
  readonly fault: Fault;
  /** How often it will still be used; null = for ever. */
  readonly remaining: number | null;
  readonly used: number;
}

export function createFaultBook<Fault extends { readonly times?: number | undefined }>(): FaultBook<Fault> {
  const armedById = new Map<string, ArmedFault<Fault>>();
  let count = 0;
  return {
    add(fault) {
      if (armedById.size >= DEV_LIMITS.maxFaults) return null;
      count += 1;
      const id = `fault_${count}`;
      armedById.set(id, { id, fault, remaining: fault.times ?? null, used: 0 });
      return id;
    },
    take(matches) {
      for (const armed of armedById.values()) {
        if (armed.remaining === 0 || !matches(armed.fault)) continue;
        const used: ArmedFault<Fault> = {
          ...armed,
          remaining: armed.remaining === null ? null : armed.remaining - 1,
          used: armed.used + 1,
        };
        armedById.set(armed.id, used);
        return used;
      }
      return null;
    },
    list: () => [...armedById.values()],
    clear: () => armedById.clear(),
  };
}
