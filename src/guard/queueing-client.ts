/**
 * The guard as its callers see it. Settlements are queued and ride on the next admission to the same guard;
 * `flush` sends the rest. Never throws and never waits for a turn: that is the caller's choice. A
 * settlement whose answer was lost is sent again, which is safe: a permit is settled once.
 */
import * as z from "zod";
import { LIMITS } from "../config/limits.ts";
import {
  decisionSchema,
  type CallReport as WireReport,
  type Decision,
  type Settlement,
} from "../core/guard/commands.ts";
import type { Result } from "../core/result.ts";
import type { Logger } from "../telemetry/log.ts";
import type { Admission, AdmissionRequest, CallReport, GuardClient, Permit } from "./port.ts";
import { HeldPermits, type Schedule } from "./held-permits.ts";
import type { KeptSettlements } from "./kept-settlements.ts";
import type { Ahead, PermitPool, PooledPermit } from "./permit-pool.ts";
import { SettlementQueue } from "./settlement-queue.ts";
import type { GuardTransport } from "./transport.ts";
import { GUARD_WIRE_VERSION, type AdmitCommand, type GuardFailure, type SettleCommand } from "./wire.ts";

export interface QueueingClientOptions {
  readonly send: GuardTransport;
  readonly nowMs: () => number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly logger: Logger;
  /** Called when others may be waiting for a settlement: `(flush) => ctx.waitUntil(flush())`. Default: it rides. */
  readonly flushSoon?: (flush: () => Promise<void>) => void;
  /** Successes that are no news wait here for a later invocation's admission. Default: `flush` sends them too. */
  readonly kept?: KeptSettlements;
  /** Permits granted ahead, shared by an isolate's invocations. Default: each call asks. */
  readonly pool?: PermitPool;
  /** For the heartbeat of slots. Default: slots are renewed only by what is sent anyway. */
  readonly schedule?: Schedule;
}

type Granted = Extract<Decision, { kind: "granted" }>;

/** A good call that used no more than was reserved for it. */
function isNoNews({ limits }: AdmissionRequest, reservedTokens: number, report: CallReport): boolean {
  const isSlow = limits.slowMs !== undefined && report.latencyMs > limits.slowMs;
  const isDebt = (report.usedTokens ?? 0) > reservedTokens;
  return report.outcome === "success" && !isSlow && !isDebt && report.hint?.limited !== true;
}

/** What a permit nobody waited for reports. */
const UNUSED: WireReport = { outcome: "cancelled", latencyMs: 0, usedTokens: 0, unused: true };

export class QueueingGuardClient implements GuardClient {
  readonly #options: QueueingClientOptions;
  readonly #queue = new SettlementQueue(LIMITS.guard.maxQueuedSettlements);

  readonly #held: HeldPermits;

  constructor(options: QueueingClientOptions) {
    this.#options = options;
    this.#held = new HeldPermits(options.nowMs, options.schedule, (guard) => void this.#renew(guard));
  }

  async admit(request: AdmissionRequest): Promise<Admission> {
    const { pool, nowMs } = this.#options;
    const pooled = pool?.take(request) ?? null;
    if (pooled !== null) return { kind: "granted", permit: this.#permit(request, pooled, false) };
    const ahead = pool?.wanted(request);
    const { guard } = request;
    const settlements = this.#take(guard);
    const askedAtMs = nowMs();
    const result = await this.#options.send({
      guard,
      method: "admit",
      command: admitCommand(request, settlements, this.#held.takeDue(guard), ahead),
      value: decisionSchema,
      onLate: (decision) => this.#giveBack(guard, decision),
    });
    if (!result.ok) {
      this.#recover(guard, settlements, result.error);
      return this.#unreachable();
    }
    const decision = result.value;
    if (decision.kind === "denied") {
      return { kind: "denied", reason: decision.reason, retryAtMs: decision.retryAtMs };
    }
    if (ahead !== undefined) pool?.add(request, blockOf(decision, ahead.tokens), askedAtMs);
    const { permitId, mayKeep = false } = decision;
    const tokens = Math.ceil(request.estimatedTokens);
    return {
      kind: "granted",
      permit: this.#permit(request, { permitId, tokens, mayKeep }, decision.settleSoon),
    };
  }

  async flush(): Promise<void> {
    await Promise.all(this.#queue.guards().map((guard) => this.#flushGuard(guard)));
  }

  /** Its own first, then what earlier invocations have kept, then permits nobody needed. */
  #take(guard: string): readonly Settlement[] {
    const { kept, pool } = this.#options;
    const sources = [
      (max: number) => this.#queue.take(guard, max),
      (max: number) => kept?.take(guard, max) ?? [],
      (max: number) => pool?.takeUnused(guard, max) ?? [],
    ];
    return sources.reduce<readonly Settlement[]>(
      (taken, take) => [...taken, ...take(LIMITS.guard.maxSettlementsPerCall - taken.length)],
      [],
    );
  }

  async #flushGuard(guard: string): Promise<void> {
    for (;;) {
      const settlements = this.#take(guard);
      if (settlements.length === 0) return;
      const result = await this.#send(guard, settlements);
      if (result.ok) continue;
      this.#recover(guard, settlements, result.error);
      return;
    }
  }

  #send(guard: string, settlements: readonly Settlement[]): Promise<Result<null, GuardFailure>> {
    const renewals = [...this.#held.takeDue(guard)];
    const command: SettleCommand = { v: GUARD_WIRE_VERSION, settlements: [...settlements], renewals };
    return this.#options.send({ guard, method: "settle", command, value: z.null() });
  }

  /** What waits for a ride comes along. A renewal that is lost is repeated before the lease is over. */
  async #renew(guard: string): Promise<void> {
    const settlements = this.#take(guard);
    const result = await this.#send(guard, settlements);
    if (!result.ok) this.#recover(guard, settlements, result.error);
  }

  #permit(request: AdmissionRequest, held: PooledPermit, settleSoon: boolean): Permit {
    const { guard } = request;
    const { permitId, mayKeep, tokens } = held;
    const { kept, pool, flushSoon } = this.#options;
    let isSettled = false;
    if (isRenewed(request)) this.#held.hold(guard, permitId, request.leaseMs ?? LIMITS.guard.slotLeaseMs);
    return {
      settle: (report) => {
        if (isSettled) return;
        isSettled = true;
        this.#held.release(guard, permitId);
        const settlement = { permitId, report: wireReport(report) };
        if (kept !== undefined && mayKeep && isNoNews(request, tokens, report)) {
          kept.add(guard, settlement);
          return;
        }
        const isTrouble = report.outcome === "transient" || report.hint?.limited === true;
        if (isTrouble) pool?.drop(guard);
        this.#enqueue(guard, settlement);
        // A failure is news for every other caller: the breaker may have to open.
        if (settleSoon || report.outcome === "transient") flushSoon?.(() => this.flush());
      },
    };
  }

  #giveBack(guard: string, decision: Decision): void {
    if (decision.kind !== "granted") return;
    for (const { permitId } of [decision, ...blockOf(decision, 0)]) {
      this.#enqueue(guard, { permitId, report: UNUSED });
    }
    this.#options.flushSoon?.(() => this.flush());
  }

  #enqueue(guard: string, settlement: Settlement): void {
    this.#warnOfDropped(guard, this.#queue.add(guard, [settlement]));
  }

  /** What was refused would be refused again; everything else may or may not have arrived, and is sent again. */
  #recover(guard: string, settlements: readonly Settlement[], failure: GuardFailure): void {
    const { code, message } = failure;
    const log = code === "refused" || code === "malformed_answer" ? "error" : "warn";
    this.#options.logger[log]("guard_no_answer", { guard, code, message });
    if (code !== "refused") this.#warnOfDropped(guard, this.#queue.putBack(guard, settlements));
  }

  #warnOfDropped(guard: string, dropped: number): void {
    if (dropped > 0) this.#options.logger.warn("guard_settlements_dropped", { guard, dropped });
  }

  /** Up to half as long again, by chance: the callers of a guard that comes back don't all come at once. */
  #unreachable(): Admission {
    const deferMs = LIMITS.guard.unreachableDeferMs * (1 + this.#options.random() / 2);
    return {
      kind: "denied",
      reason: "unreachable",
      retryAtMs: Math.ceil(this.#options.nowMs() + deferMs),
    };
  }
}

/** Its permits are numbered on from the one that was asked for. */
function blockOf(granted: Granted, tokens: number): readonly PooledPermit[] {
  const { permitId, ahead = 0, mayKeep = false } = granted;
  return Array.from({ length: ahead }, (_, index) => ({
    permitId: permitId + 1 + index,
    tokens: Math.ceil(tokens),
    mayKeep,
  }));
}

/** Slots alone are worth it: without them a permit that outlives its caller is in nobody's way. */
function isRenewed({ limits }: AdmissionRequest): boolean {
  return limits.maxConcurrent !== undefined;
}

function renewableLeaseMs({ leaseMs = LIMITS.guard.slotLeaseMs }: AdmissionRequest): number {
  return Math.min(leaseMs, LIMITS.guard.renewedLeaseMs);
}

function admitCommand(
  request: AdmissionRequest,
  settlements: readonly Settlement[],
  renewals: readonly number[],
  ahead: Ahead | undefined,
): AdmitCommand {
  const { limits, priority, estimatedTokens, turnAtMs } = request;
  const leaseMs = isRenewed(request) ? renewableLeaseMs(request) : request.leaseMs;
  return {
    v: GUARD_WIRE_VERSION,
    request: {
      limits,
      priority,
      estimatedTokens: Math.ceil(estimatedTokens),
      turnAtMs,
      leaseMs,
      ...(ahead === undefined ? {} : { ahead: { calls: ahead.calls, tokens: Math.ceil(ahead.tokens) } }),
    },
    settlements: [...settlements],
    renewals: [...renewals],
  };
}

/** One odd number must not make a whole batch unreadable. */
function wireReport({ outcome, latencyMs, usedTokens, unused, hint }: CallReport): WireReport {
  const tokens = usedTokens !== null && Number.isFinite(usedTokens) ? Math.max(0, usedTokens) : null;
  return {
    outcome,
    latencyMs: Number.isFinite(latencyMs) ? Math.max(0, latencyMs) : 0,
    usedTokens: tokens,
    ...(unused === true ? { unused } : {}),
    ...(hint === undefined ? {} : { hint: wireHint(hint) }),
  };
}

function wireHint(hint: NonNullable<CallReport["hint"]>): NonNullable<WireReport["hint"]> {
  const finite = (value: number | undefined) => (Number.isFinite(value) ? value : undefined);
  return {
    limited: hint.limited,
    remainingRequests: finite(hint.remainingRequests),
    requestsResetMs: finite(hint.requestsResetMs),
    remainingTokens: finite(hint.remainingTokens),
    tokensResetMs: finite(hint.tokensResetMs),
    retryAfterMs: finite(hint.retryAfterMs),
  };
}
