/**
 * Isolates with blocks over one guard that is then asked for all it has: no minute of calls, whenever each began
 * under its permit, passes the limit or a share of it, also when the guard restarts and forgets blocks.
 * Replay a failure with GUARD_SEED=<seed>.
 */
import fc from "fast-check";
import { expect, it } from "vitest";
import { mustWrite, reload, written } from "../../src/core/guard/durability.ts";
import { newGuardState, type GuardState } from "../../src/core/guard/model.ts";
import { PRIORITIES, type Priority } from "../../src/core/policy.ts";
import { Guard, settings, START_MS } from "./guard-support.ts";

const seed = Number(process.env["GUARD_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
console.info(`guard block properties: GUARD_SEED=${seed}`);

interface Call {
  readonly atMs: number;
  readonly priority: Priority;
}

/** The guard's object: writes when it must, and restarts from what was written. */
class StoredGuard extends Guard {
  #stored: GuardState = newGuardState(START_MS);

  keep(): void {
    if (!mustWrite(this.state, { nowMs: this.nowMs, settings })) return;
    this.state = written(this.state, this.nowMs);
    this.#stored = this.state;
  }

  restart(): void {
    this.state = reload(this.#stored, { nowMs: this.nowMs, settings });
  }
}

const blocks = fc.array(
  fc.record({
    priority: fc.constantFrom(...PRIORITIES),
    /** How long the isolate lets its block lie. */
    heldMs: fc.oneof(
      fc.constant(settings.blockHoldMs - 1),
      fc.integer({ min: 0, max: settings.blockHoldMs - 1 }),
    ),
    gapMs: fc.nat(300),
    restarts: fc.boolean(),
  }),
  { minLength: 1, maxLength: 20 },
);

function callsOf(
  limit: number,
  taken: readonly {
    readonly priority: Priority;
    readonly heldMs: number;
    readonly gapMs: number;
    readonly restarts: boolean;
  }[],
  restMs: number,
): { readonly calls: readonly Call[]; readonly ahead: number } {
  const guard = new StoredGuard({ requestsPerMinute: limit });
  const calls: Call[] = [];
  let ahead = 0;
  const admit = (priority: Priority, blockCalls: number, heldMs: number): boolean => {
    const decision = guard.admit({ priority, ahead: { calls: blockCalls, tokens: 0 } });
    guard.keep();
    if (decision.kind === "denied") return false;
    const later = Array.from({ length: decision.ahead ?? 0 }, () => ({
      atMs: guard.nowMs + heldMs,
      priority,
    }));
    calls.push({ atMs: guard.nowMs, priority }, ...later);
    ahead += later.length;
    return true;
  };
  for (const { priority, heldMs, gapMs, restarts } of taken) {
    admit(priority, settings.maxBlockCalls, heldMs);
    if (restarts) guard.restart();
    guard.pass(gapMs);
  }
  guard.pass(restMs);
  // From now on the guard is asked for all it has, until well after the blocks' minute.
  for (const endMs = guard.nowMs + 70_000; guard.nowMs < endMs; guard.pass(250)) {
    for (const priority of PRIORITIES) while (admit(priority, 1, 0));
  }
  return { calls: calls.toSorted((one, other) => one.atMs - other.atMs), ahead };
}

it("no minute of calls passes the limit or a share of it, whenever the calls of a block began", () => {
  let ahead = 0;
  fc.assert(
    fc.property(fc.integer({ min: 100, max: 1_500 }), blocks, fc.nat(2_500), (limit, taken, restMs) => {
      const made = callsOf(limit, taken, restMs);
      ahead += made.ahead;
      for (const share of PRIORITIES) {
        const within = made.calls.filter(
          ({ priority }) => settings.shares[priority] <= settings.shares[share],
        );
        const cap = Math.floor(limit * settings.shares[share]);
        // The call `cap` places before may not be within the same minute.
        for (const [index, call] of within.entries()) {
          const before = within[index - cap];
          if (before !== undefined) expect(call.atMs - before.atMs).toBeGreaterThanOrEqual(settings.windowMs);
        }
      }
    }),
    { seed, numRuns: 40, interruptAfterTimeLimit: 20_000, markInterruptAsFailure: true },
  );
  expect(ahead).toBeGreaterThan(100);
}, 60_000);
