/**
 * Child processes, each in a process group of its own, so that ending one ends what it started as well. Ends only
 * what it started, by id; all of it when this process ends.
 */
import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

export interface Child {
  readonly pid: number;
  /** SIGKILL to the whole group. Resolves when no process of it is left. */
  kill(): Promise<void>;
  /** True once the child itself has ended. */
  hasEnded(): boolean;
}

const END_WITH_PARENT = new URL("./end-with-parent.ts", import.meta.url).href;
const liveGroups = new Set<number>();

process.once("exit", () => {
  for (const group of liveGroups) signalGroup(group, "SIGKILL");
});

const GROUP_GONE_WITHIN_MS = 10_000;
const LOOK_EVERY_MS = 10;

/** @param logFile takes everything the child prints */
export function startChild(
  script: string,
  args: readonly string[],
  logFile: string,
  env: Readonly<Record<string, string>> = {},
): Child {
  const log = openSync(logFile, "a");
  const child = spawn(process.execPath, ["--import", END_WITH_PARENT, script, ...args], {
    detached: true,
    stdio: ["ignore", log, log],
    env: { ...process.env, ...env },
  });
  closeSync(log);
  const { pid } = child;
  if (pid === undefined) throw new Error(`${script} could not be started`);
  liveGroups.add(pid);
  let ended = false;
  const end = (): void => {
    ended = true;
  };
  child.once("exit", end);
  child.once("error", end);
  return {
    pid,
    hasEnded: () => ended,
    async kill() {
      signalGroup(pid, "SIGKILL");
      const deadlineMs = Date.now() + GROUP_GONE_WITHIN_MS;
      while (signalGroup(pid, 0)) {
        if (Date.now() > deadlineMs) throw new Error(`processes of group ${pid} outlived SIGKILL`);
        await sleep(LOOK_EVERY_MS);
      }
      liveGroups.delete(pid);
    },
  };
}

/** @returns false when the group has no processes any more */
function signalGroup(group: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-group, signal);
    return true;
  } catch {
    return false;
  }
}

/** Resolves when the URL answers 200; false when `stop` says so first. */
export async function answers(url: string, stop: () => boolean): Promise<boolean> {
  while (!stop()) {
    try {
      const response = await fetch(url, { signal: AbortSignal.timeout(2_000) });
      await response.arrayBuffer();
      if (response.ok) return true;
    } catch {
      // Not up yet.
    }
    await sleep(50);
  }
  return false;
}
