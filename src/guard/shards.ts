/**
 * A limit that one object could not serve, split over several: `model:fast#0`, `#1`, … each with its part of every
 * limit, so that their sum is the limit whatever happens. A caller stays with one shard while that grants; one
 * that is denied tries another, once. An isolate's invocations share where they are at home.
 */
import { LIMITS } from "../config/limits.ts";
import type { Admission, AdmissionRequest, CallReport, GuardClient, GuardLimits } from "./port.ts";

/** By guard, the shard that was asked last. Plain data, so invocations may share it. */
export type ShardHomes = Map<string, number>;

const COUNTED = ["requestsPerMinute", "tokensPerMinute", "maxConcurrent"] as const;

/** As configured, else as many as the requests need; never so many that a part is too small for its shares. */
export function shardsOf(limits: GuardLimits): number {
  const { shards, requestsPerMinute = 0 } = limits;
  const wanted = shards ?? Math.ceil(requestsPerMinute / LIMITS.guard.shardRequestsPerMinute);
  const useful = COUNTED.map((name) => Math.floor((limits[name] ?? Infinity) / LIMITS.guard.minShardPart));
  return Math.max(1, Math.min(wanted, LIMITS.guard.maxShards, ...useful));
}

/** The names of the objects behind a guard: what an operator reads and adds up. */
export function shardNames(guard: string, limits: GuardLimits): readonly string[] {
  const shards = shardsOf(limits);
  return shards === 1 ? [guard] : Array.from({ length: shards }, (_, shard) => `${guard}#${shard}`);
}

/** The parts of all shards add up to the limit. */
export function partOf(limits: GuardLimits, shards: number, shard: number): GuardLimits {
  const part = (limit: number) => Math.floor(limit / shards) + (shard < limit % shards ? 1 : 0);
  const { slowMs } = limits;
  const counted = COUNTED.flatMap((name) => {
    const limit = limits[name];
    return limit === undefined ? [] : [[name, part(limit)] as const];
  });
  return { ...Object.fromEntries(counted), ...(slowMs === undefined ? {} : { slowMs }) };
}

export function shardedGuard(inner: GuardClient, homes: ShardHomes, random: () => number): GuardClient {
  return {
    flush: () => inner.flush(),
    async admit(request) {
      const shards = shardsOf(request.limits);
      if (shards === 1) return inner.admit(request);
      const ask = (shard: number) => admitAt(inner, request, shard, shards);
      const home = (request.turnShard ?? homes.get(request.guard) ?? Math.floor(random() * shards)) % shards;
      homes.set(request.guard, home);
      const first = await ask(home);
      // An endpoint that is not well is not better behind another shard.
      if (first.kind === "granted" || first.reason === "breaker") return first;
      const other = (home + 1 + Math.floor(random() * (shards - 1))) % shards;
      const second = await ask(other);
      if (second.kind === "denied") return first.retryAtMs <= second.retryAtMs ? first : second;
      homes.set(request.guard, other);
      return second;
    },
  };
}

async function admitAt(
  inner: GuardClient,
  request: AdmissionRequest,
  shard: number,
  shards: number,
): Promise<Admission> {
  const { turnAtMs, turnShard, ...rest } = request;
  // One that comes back by way of its partition no longer knows where its turn was.
  const isHere = turnShard === undefined || turnShard === shard;
  const inTurn = turnAtMs !== undefined && isHere ? { turnAtMs } : {};
  const guard = `${request.guard}#${shard}`;
  const limits = partOf(request.limits, shards, shard);
  const admission = await inner.admit({ ...rest, ...inTurn, guard, limits });
  if (admission.kind === "denied") return { ...admission, turnShard: shard };
  const { permit } = admission;
  return { kind: "granted", permit: { settle: (report) => permit.settle(withPart(report, shards)) } };
}

/** The other side knows nothing of shards: what it says is left is for all of them. */
function withPart(report: CallReport, shards: number): CallReport {
  const { hint } = report;
  if (hint === undefined) return report;
  const { remainingRequests, remainingTokens } = hint;
  return {
    ...report,
    hint: {
      ...hint,
      ...(remainingRequests === undefined ? {} : { remainingRequests: share(remainingRequests, shards) }),
      ...(remainingTokens === undefined ? {} : { remainingTokens: share(remainingTokens, shards) }),
    },
  };
}

/** Negative: the provider's way of saying nothing. */
function share(remaining: number, shards: number): number {
  return remaining < 0 ? remaining : Math.floor(remaining / shards);
}
