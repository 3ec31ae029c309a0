/**
 * Flood protection through the platform's Rate Limiting binding: who counts as one caller, and the binding as a
 * question. Nobody has proven anything yet when it is asked, so callers are told apart by the address they come from:
 * whoever floods a source with forgeries shuts out that address there, and nobody else.
 */
import { callerOf } from "../platform/caller.ts";

/** true: go on. */
export type Admit = (key: string) => Promise<boolean>;

/** One counter per source and address. */
export function floodKey(sourceName: string, headers: Headers): string {
  return `${sourceName} ${callerOf(headers)}`;
}

/** undefined where the binding is not there: then nothing is limited. */
export function createFloodLimit(binding: unknown): Admit | undefined {
  if (!isRateLimit(binding)) return undefined;
  return async (key) => (await binding.limit({ key })).success;
}

function isRateLimit(binding: unknown): binding is RateLimit {
  return typeof binding === "object" && binding !== null && "limit" in binding;
}
