/**
 * Puts virtual time and seeded chance in place of the runtime's own for as long as a run lasts, and puts them
 * back after it. Hashing becomes synchronous: on its real thread pool it would end at a time of its own.
 */
import { createHash } from "node:crypto";
import type { Task, VirtualClock } from "./clock.ts";
import { runningProcess } from "./process.ts";
import type { Chance } from "./random.ts";
import type { Trace } from "./trace.ts";

interface Runtime {
  readonly clock: VirtualClock;
  readonly chance: Chance;
  readonly trace: Trace;
}

/** @returns what restores the runtime's own */
export function installVirtualRuntime({ clock, chance, trace }: Runtime): () => void {
  const random = chance.stream("Math.random");
  const realClear = globalThis.clearTimeout;
  const replacements: readonly (readonly [object, string, unknown])[] = [
    [Date, "now", () => runningProcess()?.nowMs() ?? Math.round(clock.nowMs)],
    [Math, "random", () => random.next()],
    [
      globalThis,
      "setTimeout",
      (work: () => void, delayMs = 0) => {
        const owner = runningProcess();
        const act = owner === null ? work : () => owner.run(work);
        return clock.schedule(delayMs, "timer", act, owner);
      },
    ],
    [
      globalThis,
      "clearTimeout",
      (timer: Task | ReturnType<typeof setTimeout> | undefined) => {
        if (timer !== undefined && "cancelled" in timer) timer.cancelled = true;
        else realClear(timer);
      },
    ],
    [crypto.subtle, "digest", sha256AtOnce],
    ...(["log", "info", "warn", "error"] as const).map(
      (name) => [console, name, (line: unknown) => trace.line(`log ${String(line)}`)] as const,
    ),
  ];
  const undo = replacements.map(([target, name, value]) => {
    const before = Object.getOwnPropertyDescriptor(target, name);
    Object.defineProperty(target, name, { value, configurable: true, writable: true });
    return () => {
      if (before === undefined) Reflect.deleteProperty(target, name);
      else Object.defineProperty(target, name, before);
    };
  });
  return () => {
    for (const restore of undo) restore();
  };
}

function sha256AtOnce(_algorithm: unknown, data: Uint8Array): Promise<ArrayBuffer> {
  const digest = createHash("sha256").update(data).digest();
  return Promise.resolve(new Uint8Array(digest).buffer);
}
