/** A fixed number of places, taken in the order they were asked for. Bounds what one invocation does at once. */

export interface Slots {
  /** Runs `work` when a place is free. Rejects only if `work` does. */
  use<Value>(work: () => Promise<Value>): Promise<Value>;
}

export function createSlots(size: number): Slots {
  let free = size;
  const waiting: (() => void)[] = [];
  const enter = (): Promise<void> => {
    if (free > 0) {
      free--;
      return Promise.resolve();
    }
    return new Promise((resolve) => waiting.push(resolve));
  };
  const leave = () => {
    const next = waiting.shift();
    if (next === undefined) free++;
    else next();
  };
  return {
    async use(work) {
      await enter();
      try {
        return await work();
      } finally {
        leave();
      }
    },
  };
}
