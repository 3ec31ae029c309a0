/** A fixed number of places, taken in the order they were asked for. Bounds what one invocation does at once. */

export interface Slots {
  /** Runs `work` when a place is free. Rejects only if `work` does. */
  use<Value>(work: () => Promise<Value>): Promise<Value>;
  /** The same, before everybody who waits: for effects, which others' order hangs on. */
  useFirst<Value>(work: () => Promise<Value>): Promise<Value>;
}

export function createSlots(size: number): Slots {
  let free = size;
  const waiting: (() => void)[] = [];
  const enter = (first: boolean): Promise<void> => {
    if (free > 0) {
      free--;
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      if (first) waiting.unshift(resolve);
      else waiting.push(resolve);
    });
  };
  const leave = () => {
    const next = waiting.shift();
    if (next === undefined) free++;
    else next();
  };
  const run = async <Value>(work: () => Promise<Value>, first: boolean): Promise<Value> => {
    await enter(first);
    try {
      return await work();
    } finally {
      leave();
    }
  };
  return { use: (work) => run(work, false), useFirst: (work) => run(work, true) };
}
