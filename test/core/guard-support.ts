/** What the guard's tests share: a guard in a variable, and a clock that is set by hand. */
import { LIMITS } from "../../src/config/limits.ts";
import type { AdmitRequest, CallReport, Decision } from "../../src/core/guard/commands.ts";
import { admit, renew, settle } from "../../src/core/guard/machine.ts";
import { newGuardState, type GuardState, type Limits } from "../../src/core/guard/model.ts";
import type { Priority } from "../../src/core/policy.ts";

export const settings = LIMITS.guard;
/** A whole minute, so that buckets begin where the test's times do. */
export const START_MS = 1_800_000_000_000;

export const SUCCESS: CallReport = { outcome: "success", latencyMs: 100, usedTokens: null };
export const FAILURE: CallReport = { outcome: "transient", latencyMs: 100, usedTokens: null };

export interface Ask {
  readonly limits?: Limits;
  readonly priority?: Priority;
  readonly tokens?: number;
  readonly turnAtMs?: number;
  readonly leaseMs?: number;
  readonly ahead?: AdmitRequest["ahead"];
}

export class Guard {
  state: GuardState;
  nowMs = START_MS;
  readonly #limits: Limits;
  readonly #random: () => number;

  constructor(limits: Limits = {}, random: () => number = () => 0) {
    this.state = newGuardState(START_MS);
    this.#limits = limits;
    this.#random = random;
  }

  admit(ask: Ask = {}): Decision {
    const request: AdmitRequest = {
      limits: ask.limits ?? this.#limits,
      priority: ask.priority ?? "high",
      estimatedTokens: ask.tokens ?? 0,
      turnAtMs: ask.turnAtMs,
      leaseMs: ask.leaseMs,
      ahead: ask.ahead,
    };
    const step = admit(this.state, request, { nowMs: this.nowMs, settings }, this.#random());
    this.state = step.state;
    return step.decision;
  }

  /** @throws when the guard denies */
  grant(ask: Ask = {}): number {
    const decision = this.admit(ask);
    if (decision.kind !== "granted") throw new Error(`denied: ${decision.reason}`);
    return decision.permitId;
  }

  /** @throws when the guard grants */
  deny(ask: Ask = {}): Extract<Decision, { kind: "denied" }> {
    const decision = this.admit(ask);
    if (decision.kind !== "denied") throw new Error("granted");
    return decision;
  }

  /** As many as are granted at this moment. */
  grantAll(ask: Ask = {}, atMost = 10_000): number[] {
    const permitIds: number[] = [];
    while (permitIds.length < atMost) {
      const decision = this.admit(ask);
      if (decision.kind === "denied") break;
      permitIds.push(decision.permitId);
    }
    return permitIds;
  }

  settle(permitId: number, report: CallReport = SUCCESS): void {
    this.state = settle(this.state, { permitId, report }, { nowMs: this.nowMs, settings });
  }

  renew(permitIds: readonly number[]): void {
    this.state = renew(this.state, permitIds, { nowMs: this.nowMs, settings });
  }

  /** One call from admission to its end. */
  call(report: CallReport = SUCCESS, ask: Ask = {}): void {
    this.settle(this.grant(ask), report);
  }

  pass(ms: number): void {
    this.nowMs += ms;
  }
}
