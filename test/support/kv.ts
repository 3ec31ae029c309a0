/** KV for tests: the real one with some of its methods replaced, or its `get` made of one function. */
import type { IdempotencyStore } from "../../src/cache/idempotency.ts";

/** `get` of one key and of many, as one question. */
export function reading(
  answer: (keys: readonly string[]) => Promise<readonly (string | null)[]>,
): IdempotencyStore["get"] {
  function get(key: string, type: "text"): Promise<string | null>;
  function get(keys: string[], type: "text"): Promise<Map<string, string | null>>;
  async function get(keys: string | string[]): Promise<string | null | Map<string, string | null>> {
    if (typeof keys === "string") return (await answer([keys]))[0] ?? null;
    const values = await answer(keys);
    return new Map(keys.map((key, at) => [key, values[at] ?? null]));
  }
  return get;
}

export interface WatchedKv {
  readonly kv: IdempotencyStore;
  /** Names of the methods that were called, in their order. */
  readonly calls: string[];
  readonly puts: { readonly key: string; readonly value: string; readonly ttlSeconds: number }[];
  /** Until everything that was begun has ended. */
  readonly settled: () => Promise<unknown>;
}

/** The real one, watched. @param replaced methods that stand in for its own */
export function watchKv(real: IdempotencyStore, replaced: Partial<IdempotencyStore> = {}): WatchedKv {
  const calls: string[] = [];
  const puts: WatchedKv["puts"] = [];
  const begun: Promise<unknown>[] = [];
  const kv = new Proxy(real, {
    get: (_, name) => {
      const owner = name in replaced ? replaced : real;
      const method: unknown = Reflect.get(owner, name);
      if (typeof method !== "function") return method;
      return (...given: readonly unknown[]) => {
        calls.push(String(name));
        if (name === "put") puts.push(putOf(given));
        const result: unknown = Reflect.apply(method, owner, given);
        if (name !== "get" && result instanceof Promise) begun.push(result.catch(() => undefined));
        return result;
      };
    },
  });
  return { kv, calls, puts, settled: () => Promise.all(begun.splice(0)) };
}

function putOf([key, value, options]: readonly unknown[]): WatchedKv["puts"][number] {
  const ttl: unknown =
    typeof options === "object" && options !== null ? Reflect.get(options, "expirationTtl") : undefined;
  return { key: String(key), value: String(value), ttlSeconds: Number(ttl) };
}
