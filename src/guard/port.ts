/**
 * The guard in front of a model endpoint or a destination: rates, slots, breaker. Callers know this
 * interface; the Durable Object behind it is in `guard-object.ts`, the decisions are in `core/guard/`.
 */
import type { Priority } from "../core/policy.ts";

export interface GuardLimits {
  readonly requestsPerMinute?: number;
  readonly tokensPerMinute?: number;
  readonly maxConcurrent?: number;
  /** An answer slower than this counts as a failure for the breaker. */
  readonly slowMs?: number;
  /** Objects that share these limits. Default: one for every 12,000 requests a minute. */
  readonly shards?: number;
  /** How far calls may run ahead of an even pace. Default: six seconds. */
  readonly burstMs?: number;
}

export interface AdmissionRequest {
  /** `model:fast` or `destination:crm`. */
  readonly guard: string;
  readonly limits: GuardLimits;
  readonly priority: Priority;
  /** Reserved before the call, settled after it. 0 where tokens mean nothing. */
  readonly estimatedTokens: number;
  /**
   * The `retryAtMs` of this caller's last denial. Whoever comes at the given turn goes before newcomers;
   * without it a caller is a newcomer each time.
   */
  readonly turnAtMs?: number;
  /** The `turnShard` of that denial. */
  readonly turnShard?: number;
  /** The longest the call can take: its own time-outs. A slot is renewed until then, and not beyond. */
  readonly leaseMs?: number;
}

export type DenialReason = "requests" | "tokens" | "concurrency" | "breaker" | "unreachable";

export type Admission =
  | { readonly kind: "granted"; readonly permit: Permit }
  | {
      readonly kind: "denied";
      readonly reason: DenialReason;
      /** When this caller's own turn comes, as an absolute time. */
      readonly retryAtMs: number;
      /** Where that turn is, if the limit is split over shards. */
      readonly turnShard?: number;
    };

export interface CallReport {
  readonly outcome: "success" | "transient" | "permanent" | "cancelled";
  readonly latencyMs: number;
  /** What the call really used; null when the other side did not say. */
  readonly usedTokens: number | null;
  /** No call was made: what the permit reserved goes back whole. */
  readonly unused?: boolean | undefined;
  /** The other side's word on its limits, already parsed and clamped. */
  readonly hint?: LimitHint;
}

export interface LimitHint {
  readonly remainingRequests?: number;
  readonly requestsResetMs?: number;
  readonly remainingTokens?: number;
  readonly tokensResetMs?: number;
  readonly retryAfterMs?: number;
  /** True for a 429: the rate is halved. */
  readonly limited: boolean;
}

/** One admitted call. Settle it exactly once, whatever happened; an unsettled permit expires. */
export interface Permit {
  settle(report: CallReport): void;
}

export interface GuardClient {
  /** Never throws: an unreachable guard is a denial. */
  admit(request: AdmissionRequest): Promise<Admission>;
  /** Sends settlements that no later admission has carried. Called when a driver returns. */
  flush(): Promise<void>;
}
