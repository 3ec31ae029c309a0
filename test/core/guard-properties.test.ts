/**
 * Random interleavings of callers, restarts and time against what a guard promises. Limits, slots and probes
 * are checked against the callers' own records, not against the guard's state. A caller that is never
 * settled is one that died.
 * Replay a failure with GUARD_SEED=<seed>.
 */
import fc from "fast-check";
import { expect, it } from "vitest";
import type { CallReport } from "../../src/core/guard/commands.ts";
import { hasUnwritten, mustWrite, reload, written } from "../../src/core/guard/durability.ts";
import { newGuardState, parseGuardState, type GuardState, type Limits } from "../../src/core/guard/model.ts";
import { PRIORITIES, type Priority } from "../../src/core/policy.ts";
import { Guard, settings, START_MS, SUCCESS } from "./guard-support.ts";

const MINUTE_MS = 60_000;
const seed = Number(process.env["GUARD_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
console.info(`guard properties: GUARD_SEED=${seed}`);

type Step =
  | {
      readonly kind: "admit";
      readonly callers: number;
      readonly priority: Priority;
      readonly tokensPart: number;
      readonly inTurn: boolean;
      /** Calls the caller expects; those it is granted wait in its pool. */
      readonly aheadCalls: number;
      readonly leaseMs: number;
    }
  | { readonly kind: "use"; readonly pick: number; readonly isCallMade: boolean }
  | { readonly kind: "settle"; readonly pick: number; readonly report: CallReport; readonly usedPart: number }
  | { readonly kind: "renew"; readonly pick: number }
  | { readonly kind: "pass"; readonly ms: number }
  | { readonly kind: "write" }
  | { readonly kind: "crash"; readonly downMs: number };

interface Call {
  readonly permitId: number;
  readonly priority: Priority;
  readonly grantedAtMs: number;
  readonly isProbe: boolean;
  heldUntilMs: number;
  tokens: number;
  settled: boolean;
}

interface Waiting {
  readonly leaseMs: number;
  readonly permitId: number;
  readonly priority: Priority;
  readonly tokens: number;
  readonly useByMs: number;
}

const priority = fc.constantFrom(...PRIORITIES);
const hint = fc.record(
  {
    limited: fc.boolean(),
    remainingRequests: fc.integer({ min: -1, max: 50 }),
    requestsResetMs: fc.integer({ min: -10, max: 90_000 }),
    remainingTokens: fc.integer({ min: 0, max: 5_000 }),
    tokensResetMs: fc.integer({ min: 0, max: 90_000 }),
    retryAfterMs: fc.integer({ min: -10, max: 60_000 }),
  },
  { requiredKeys: ["limited"] },
);
const part = fc.double({ min: 0, max: 1, noNaN: true });
const latencyMs = fc.integer({ min: 0, max: 5_000 });
const report: fc.Arbitrary<CallReport> = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.record({ outcome: fc.constant("success"), latencyMs, usedTokens: fc.constant(null) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      outcome: fc.constantFrom("transient", "permanent", "cancelled"),
      latencyMs,
      usedTokens: fc.constant(null),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      outcome: fc.constantFrom("success", "transient"),
      latencyMs,
      usedTokens: fc.constant(null),
      hint,
    }),
  },
);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constant("admit"),
      callers: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 20 })),
      priority,
      tokensPart: part,
      inTurn: fc.boolean(),
      leaseMs: fc.oneof(fc.constant(settings.renewedLeaseMs), fc.integer({ min: 1_000, max: 120_000 })),
      aheadCalls: fc.oneof(fc.constant(0), fc.nat(2 * settings.maxBlockCalls)),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("use"),
      pick: fc.nat(),
      isCallMade: fc.oneof({ weight: 4, arbitrary: fc.constant(true) }, fc.constant(false)),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant("settle"), pick: fc.nat(), report, usedPart: part }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("renew"), pick: fc.nat() }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("pass"),
      ms: fc.oneof(fc.nat(300), fc.nat(5_000), fc.nat(70_000)),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("write") }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("crash"),
      downMs: fc.oneof(fc.constant(0), fc.nat(3_000), fc.nat(90_000)),
    }),
  },
);
const limits: fc.Arbitrary<Limits> = fc.record(
  {
    requestsPerMinute: fc.oneof(fc.integer({ min: 1, max: 10 }), fc.integer({ min: 10, max: 3_000 })),
    tokensPerMinute: fc.oneof(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 50_000 })),
    maxConcurrent: fc.integer({ min: 1, max: 60 }),
    slowMs: fc.integer({ min: 3_000, max: 5_000 }),
  },
  { requiredKeys: [] },
);

class World {
  readonly guard: Guard;
  readonly calls: Call[] = [];
  blockCalls = 0;
  #waiting: Waiting[] = [];
  readonly #limits: Limits;
  readonly #lastTurnMs = new Map<Priority, number>();
  #stored: GuardState = newGuardState(START_MS);

  constructor(of: Limits, random: () => number) {
    this.#limits = of;
    this.guard = new Guard(of, random);
  }

  take(next: Step): void {
    const { guard } = this;
    switch (next.kind) {
      case "admit":
        for (let caller = 0; caller < next.callers; caller++) this.#admit(next);
        break;
      case "use":
        this.#use(next);
        break;
      case "renew": {
        const call = this.#pick(next.pick);
        if (call === undefined || call.settled) return;
        guard.renew([call.permitId]);
        // One that has expired is not the caller's any more, and renewing it changes nothing.
        if (this.#holds(call))
          call.heldUntilMs = Math.max(call.heldUntilMs, guard.nowMs + settings.renewedLeaseMs);
        break;
      }
      case "settle": {
        const call = this.#pick(next.pick);
        if (call === undefined) return;
        const usedTokens = next.usedPart > 0.7 ? null : Math.floor(call.tokens * next.usedPart);
        if (this.#holds(call)) call.tokens = usedTokens ?? call.tokens;
        call.settled = true;
        guard.settle(call.permitId, { ...next.report, usedTokens });
        break;
      }
      case "pass":
        guard.pass(next.ms);
        break;
      case "write":
        if (hasUnwritten(guard.state)) this.#write();
        break;
      case "crash": {
        guard.pass(next.downMs);
        guard.state = reload(this.#stored, { nowMs: guard.nowMs, settings });
        this.#lastTurnMs.clear();
        break;
      }
    }
    this.#writeIfDue();
  }

  /** All callers go home, the breaker's and the other side's times pass: the guard must open again. */
  checkOpensAgain(): void {
    this.guard.pass(20 * MINUTE_MS);
    for (const each of PRIORITIES) {
      const decision = this.guard.admit({ priority: each, turnAtMs: this.guard.nowMs });
      expect(decision.kind).toBe("granted");
      if (decision.kind === "granted") this.guard.settle(decision.permitId, { ...SUCCESS, latencyMs: 0 });
      this.guard.pass(2 * MINUTE_MS);
    }
  }

  /** Whoever holds a block knows nothing of the guard's restarts, and uses a permit in time or not at all. */
  #use({ pick, isCallMade }: Extract<Step, { kind: "use" }>): void {
    const { guard } = this;
    this.#waiting = this.#waiting.filter(({ useByMs }) => useByMs > guard.nowMs);
    const [permit] = this.#waiting.splice(pick % Math.max(1, this.#waiting.length), 1);
    if (permit === undefined) return;
    const { permitId, priority: of, tokens, leaseMs } = permit;
    if (!isCallMade) {
      guard.settle(permitId, { outcome: "cancelled", latencyMs: 0, usedTokens: 0, unused: true });
      return;
    }
    this.blockCalls++;
    this.calls.push({
      permitId,
      priority: of,
      grantedAtMs: guard.nowMs,
      heldUntilMs: guard.nowMs + leaseMs,
      isProbe: false,
      tokens,
      settled: false,
    });
    this.#checkLimits();
  }

  #admit({ priority: of, tokensPart, inTurn, aheadCalls, leaseMs }: Extract<Step, { kind: "admit" }>): void {
    const { guard } = this;
    const tokens = Math.floor(tokensPart * this.#cap(this.#limits.tokensPerMinute ?? 1_000, of) * 0.6);
    const before = guard.state.breaker;
    const turnAtMs = inTurn ? guard.nowMs : undefined;
    const decision = guard.admit({
      priority: of,
      tokens,
      leaseMs,
      ...(turnAtMs === undefined ? {} : { turnAtMs }),
      ...(aheadCalls === 0 ? {} : { ahead: { calls: aheadCalls, tokens } }),
    });
    this.#writeIfDue();
    if (decision.kind === "denied") {
      expect(decision.retryAtMs).toBeGreaterThan(guard.nowMs);
      expect(decision.retryAtMs).toBeLessThanOrEqual(guard.nowMs + 2 * settings.maxTurnMs);
      this.#checkTurn(of, decision.retryAtMs);
      return;
    }
    if (before.phase === "open") expect(guard.nowMs).toBeGreaterThanOrEqual(before.untilMs);
    expect(this.calls.some((call) => call.permitId === decision.permitId)).toBe(false);
    const isProbe = guard.state.breaker.phase === "half-open";
    if (isProbe) expect(this.calls.filter((call) => call.isProbe && this.#holds(call))).toEqual([]);
    this.calls.push({
      permitId: decision.permitId,
      priority: of,
      grantedAtMs: guard.nowMs,
      heldUntilMs: guard.nowMs + leaseMs,
      isProbe,
      tokens,
      settled: false,
    });
    for (let index = 1; index <= (decision.ahead ?? 0); index++) {
      const useByMs = guard.nowMs + settings.blockHoldMs;
      this.#waiting.push({ permitId: decision.permitId + index, priority: of, tokens, useByMs, leaseMs });
    }
    this.#checkLimits();
  }

  /** Callers who were denied together don't come back together. */
  #checkTurn(of: Priority, retryAtMs: number): void {
    if (retryAtMs >= this.guard.nowMs + settings.maxTurnMs / 2) return; // Beyond it, by chance.
    expect(retryAtMs).toBeGreaterThan(this.#lastTurnMs.get(of) ?? 0);
    this.#lastTurnMs.set(of, retryAtMs);
  }

  #checkLimits(): void {
    const { requestsPerMinute, tokensPerMinute, maxConcurrent } = this.#limits;
    const recent = this.calls.filter((call) => call.grantedAtMs > this.guard.nowMs - MINUTE_MS);
    const held = this.calls.filter((call) => this.#holds(call));
    for (const share of PRIORITIES) {
      const within = (call: Call) => settings.shares[call.priority] <= settings.shares[share];
      const requests = recent.filter(within);
      if (requestsPerMinute !== undefined) {
        expect(requests.length).toBeLessThanOrEqual(this.#cap(requestsPerMinute, share));
      }
      if (tokensPerMinute !== undefined) {
        const tokens = requests.reduce((sum, call) => sum + call.tokens, 0);
        expect(tokens).toBeLessThanOrEqual(this.#cap(tokensPerMinute, share));
      }
      if (maxConcurrent !== undefined) {
        expect(held.filter(within).length).toBeLessThanOrEqual(this.#cap(maxConcurrent, share));
      }
    }
  }

  /** As the object does: within the step, before its answer leaves. */
  #writeIfDue(): void {
    if (mustWrite(this.guard.state, { nowMs: this.guard.nowMs, settings })) this.#write();
  }

  #write(): void {
    this.guard.state = written(this.guard.state, this.guard.nowMs);
    const countedMs = MINUTE_MS + settings.transitMs + settings.blockHoldMs;
    expect(this.guard.state.rate.buckets.length).toBeLessThanOrEqual(countedMs / settings.bucketMs + 2);
    const parsed = parseGuardState(JSON.parse(JSON.stringify(this.guard.state)));
    if (!parsed.ok) throw new Error(parsed.error);
    this.#stored = parsed.value;
  }

  #holds(call: Call): boolean {
    return !call.settled && call.heldUntilMs > this.guard.nowMs;
  }

  #pick(pick: number): Call | undefined {
    return this.calls[pick % Math.max(1, this.calls.length)];
  }

  #cap(limit: number, of: Priority): number {
    return Math.max(1, Math.floor(limit * settings.shares[of]));
  }
}

it("no interleaving of callers and restarts passes a limit, leaks a slot or lets a second probe through", () => {
  let grants = 0;
  let blockCalls = 0;
  fc.assert(
    fc.property(
      limits,
      fc.array(step, { maxLength: 150, size: "max" }),
      fc.infiniteStream(fc.double({ min: 0, max: 0.999, noNaN: true })),
      (of, steps, chance) => {
        const world = new World(of, () => chance.next().value);
        for (const next of steps) world.take(next);
        grants += world.calls.length;
        blockCalls += world.blockCalls;
        world.checkOpensAgain();
      },
    ),
    { seed, numRuns: 300, interruptAfterTimeLimit: 20_000, markInterruptAsFailure: true },
  );
  expect(grants).toBeGreaterThan(1_000);
  expect(blockCalls).toBeGreaterThan(100);
}, 60_000);
