/**
 * Guards in memory: the real machine behind the real client's commands, on a clock that a test sets. Counts
 * requests. Stores nothing, so it never restarts.
 */
import { LIMITS } from "../../src/config/limits.ts";
import { admit, renew, settle } from "../../src/core/guard/machine.ts";
import { newGuardState, type GuardState } from "../../src/core/guard/model.ts";
import { err, ok } from "../../src/core/result.ts";
import type { GuardTransport } from "../../src/guard/transport.ts";
import { admitCommandSchema, settleCommandSchema, type GuardMethod } from "../../src/guard/wire.ts";

export interface MemoryGuards {
  readonly send: GuardTransport;
  readonly requests: { admit: number; settle: number };
  /** By name, as they are now. */
  readonly states: ReadonlyMap<string, GuardState>;
}

export function createMemoryGuards(nowMs: () => number, random: () => number): MemoryGuards {
  const states = new Map<string, GuardState>();
  const requests = { admit: 0, settle: 0 };
  const settings = LIMITS.guard;

  function answer(name: string, method: GuardMethod, command: unknown): unknown {
    const at = { nowMs: nowMs(), settings };
    const state = states.get(name) ?? newGuardState(at.nowMs);
    if (method === "admit") {
      requests.admit++;
      const { request, settlements, renewals = [] } = admitCommandSchema.parse(command);
      const ended = settlements.reduce((current, one) => settle(current, one, at), state);
      const settled = renew(ended, renewals, at);
      const step = admit(settled, request, at, random());
      states.set(name, step.state);
      return step.decision;
    }
    requests.settle++;
    const { settlements, renewals = [] } = settleCommandSchema.parse(command);
    const ended = settlements.reduce((current, one) => settle(current, one, at), state);
    states.set(name, renew(ended, renewals, at));
    return null;
  }

  return {
    async send({ guard, method, command, value }) {
      // As JSON, because that is how it travels.
      const travelled: unknown = JSON.parse(JSON.stringify(command));
      const parsed = value.safeParse(answer(guard, method, travelled));
      return parsed.success
        ? ok(parsed.data)
        : err({ code: "malformed_answer", message: parsed.error.message });
    },
    requests,
    states,
  };
}
