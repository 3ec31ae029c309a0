/**
 * What a Worker's isolate holds after everything that nobody needs has been collected, by the runtime's inspector. Unlike the
 * process's memory this has no allocator, no simulator and no other isolate in it.
 */
import { once } from "node:events";

export interface RuntimeHeap {
  /** Collects, and says what is left: objects, what the runtime holds for them, and the contents of buffers. */
  usedBytes(): Promise<number>;
  close(): void;
}

const ANSWER_WITHIN_MS = 30_000;

/** @param inspector as `startBareRuntime` gives it. @param worker the Worker's name */
export async function openHeap(inspector: string, worker: string): Promise<RuntimeHeap> {
  const socket = new WebSocket(`${inspector}/${worker}`);
  await once(socket, "open", { signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
  let asked = 0;
  const call = async (method: string): Promise<unknown> => {
    const id = ++asked;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const timer = setTimeout(
      () => reject(new Error(`the inspector did not answer ${method}`)),
      ANSWER_WITHIN_MS,
    );
    const listen = ({ data }: MessageEvent): void => {
      const message: unknown = JSON.parse(String(data));
      if (Reflect.get(Object(message), "id") === id) resolve(Reflect.get(Object(message), "result"));
    };
    socket.addEventListener("message", listen);
    socket.send(JSON.stringify({ id, method }));
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      socket.removeEventListener("message", listen);
    }
  };
  return {
    async usedBytes() {
      await call("HeapProfiler.collectGarbage");
      const usage = Object(await call("Runtime.getHeapUsage"));
      return PARTS.reduce((sum, part) => sum + Number(Reflect.get(usage, part)), 0);
    },
    close: () => socket.close(),
  };
}

/** https://chromedevtools.github.io/devtools-protocol/tot/Runtime/#method-getHeapUsage */
const PARTS = ["usedSize", "embedderHeapUsedSize", "backingStorageSize"];
