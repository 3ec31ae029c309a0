/** Makes a failing run small: fewer faults, fewer events, fewer steps, as long as the same rule is violated. */
import type { RunResult } from "./run.ts";
import type { Settings } from "./settings.ts";

const MAX_TRIES = 150;

export async function shrink(
  failed: RunResult,
  run: (settings: Settings) => Promise<RunResult>,
): Promise<RunResult> {
  let smallest = failed;
  let tries = 0;
  const attempt = async (change: Partial<Settings>): Promise<boolean> => {
    if (tries++ >= MAX_TRIES) return false;
    const result = await run({ ...smallest.settings, ...change });
    if (result.violation?.rule !== failed.violation?.rule) return false;
    smallest = result;
    return true;
  };
  for (let size = Math.ceil(failed.settings.faults.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let start = 0; start < smallest.settings.faults.length;) {
      const { faults } = smallest.settings;
      const fewer = [...faults.slice(0, start), ...faults.slice(start + size)];
      if (!(await attempt({ faults: fewer }))) start += size;
    }
  }
  for (const share of [0.25, 0.5, 0.75]) {
    while (smallest.settings.events > 1) {
      if (!(await attempt({ events: Math.max(1, Math.floor(smallest.settings.events * share)) }))) break;
    }
  }
  for (const share of [0.25, 0.5, 0.75, 0.9]) {
    while (await attempt({ steps: Math.floor(smallest.settings.steps * share) }));
  }
  return smallest;
}
