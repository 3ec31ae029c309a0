/**
 * Virtual time: a heap of what is to happen, and the one loop that lets it happen. Between two events every
 * microtask has run, so a run is a pure function of its seed. Never sleeps.
 */
import type { SimProcess } from "./process.ts";

export interface Task {
  readonly atMs: number;
  readonly order: number;
  readonly label: string;
  /** Whose continuation this is: a dead one's never runs, a paused one's waits. */
  readonly owner: SimProcess | null;
  readonly run: () => void;
  cancelled: boolean;
}

export const SIMULATION_STARTS_AT_MS = Date.UTC(2026, 5, 1);

export class VirtualClock {
  /** True time. What processes see is skewed. */
  nowMs = SIMULATION_STARTS_AT_MS;
  private readonly heap: Task[] = [];
  private scheduled = 0;

  schedule(delayMs: number, label: string, run: () => void, owner: SimProcess | null = null): Task {
    const atMs = this.nowMs + Math.max(0, delayMs);
    const task: Task = { atMs, order: ++this.scheduled, label, owner, run, cancelled: false };
    this.push(task);
    return task;
  }

  /** Resolves after the delay, unless the owner is dead by then. */
  wait(delayMs: number, label: string, owner: SimProcess | null = null): Promise<void> {
    return new Promise((resolve) => {
      this.schedule(delayMs, label, resolve, owner);
    });
  }

  /** The next thing that can happen; moves time to it. null: nothing is left. */
  next(): Task | null {
    for (;;) {
      const task = this.pop();
      if (task === null) return null;
      if (task.cancelled || task.owner?.alive === false) continue;
      if (task.owner !== null && task.owner.pausedUntilMs > Math.max(task.atMs, this.nowMs)) {
        this.push({
          ...task,
          atMs: task.owner.pausedUntilMs,
          run: () => (task.cancelled ? undefined : task.run()),
        });
        continue;
      }
      this.nowMs = Math.max(this.nowMs, task.atMs);
      return task;
    }
  }

  private push(task: Task): void {
    const { heap } = this;
    let index = heap.push(task) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || isBefore(above, task)) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = task;
  }

  private pop(): Task | null {
    const { heap } = this;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined) return null;
    if (heap.length === 0) return first;
    let index = 0;
    for (;;) {
      const left = 2 * index + 1;
      const leftTask = heap[left];
      if (leftTask === undefined) break;
      const rightTask = heap[left + 1];
      const useRight = rightTask !== undefined && isBefore(rightTask, leftTask);
      const child = useRight ? rightTask : leftTask;
      if (isBefore(last, child)) break;
      heap[index] = child;
      index = useRight ? left + 1 : left;
    }
    heap[index] = last;
    return first;
  }
}

function isBefore(left: Task, right: Task): boolean {
  return left.atMs === right.atMs ? left.order < right.order : left.atMs < right.atMs;
}

/** Until every microtask has run: Node takes a tick only when no microtask is left. */
export function untilQuiet(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve));
}
