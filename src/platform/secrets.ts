/**
 * Secrets by their binding's name: plain ones, which are texts, and those of Cloudflare's Secrets Store, which are asked
 * for. What the store said is kept in the isolate for a minute; nothing here is ever logged but names.
 */
import { LIMITS } from "../config/limits.ts";
import { messageOf } from "../core/result.ts";
import type { Logger } from "../telemetry/log.ts";

/** undefined: not set. A promise only where the store has to be asked, so that plain secrets cost no turn. */
export type ReadSecret = (binding: string) => string | undefined | Promise<string | undefined>;

export interface SecretReaderDeps {
  readonly binding: (name: string) => unknown;
  readonly nowMs: () => number;
  readonly logger: Logger;
}

interface Kept {
  /** What the store said last; undefined when it has never said anything. */
  readonly value: string | undefined;
  /** When it said that. */
  readonly readAtMs: number;
  /** Not asked again before. */
  readonly askAgainAtMs: number;
}

export function createSecretReader(deps: SecretReaderDeps): ReadSecret {
  const keptByName = new Map<string, Kept>();
  return (name) => {
    const bound = deps.binding(name);
    if (typeof bound === "string") return bound === "" ? undefined : bound;
    if (!isStoreSecret(bound)) return undefined;
    const kept = keptByName.get(name);
    if (kept !== undefined && deps.nowMs() < kept.askAgainAtMs) return kept.value;
    // Requests that come together each ask: a promise of one that its sender has left would never settle for the others.
    return askStore(deps, name, bound, keptByName);
  };
}

/** Whether a binding holds a secret of the store, set or not: only asking tells. */
export function isStoreSecret(bound: unknown): bound is SecretsStoreSecret {
  return typeof bound === "object" && bound !== null && "get" in bound && !("put" in bound);
}

/** While the store does not answer, what it said before still counts for a while. Never rejects. */
async function askStore(
  { nowMs, logger }: SecretReaderDeps,
  name: string,
  bound: SecretsStoreSecret,
  keptByName: Map<string, Kept>,
): Promise<string | undefined> {
  const { cacheMs, retryMs, maxStaleMs } = LIMITS.secrets;
  try {
    const value = await bound.get();
    const readAtMs = nowMs();
    keptByName.set(name, {
      value: value === "" ? undefined : value,
      readAtMs,
      askAgainAtMs: readAtMs + cacheMs,
    });
  } catch (thrown) {
    logger.error("secret_unreadable", {
      binding: name,
      error: messageOf(thrown).slice(0, MAX_ERROR_CHARACTERS),
    });
    const before = keptByName.get(name);
    const readAtMs = before?.readAtMs ?? 0;
    const value = nowMs() - readAtMs <= maxStaleMs ? before?.value : undefined;
    keptByName.set(name, { value, readAtMs, askAgainAtMs: nowMs() + retryMs });
  }
  return keptByName.get(name)?.value;
}

const MAX_ERROR_CHARACTERS = 200;
