/**
 * The guard's Durable Object, built with itty-durable: one per model endpoint or destination. A shell: it
 * loads the state, asks the machine in `core/guard/`, writes when the machine says so, answers. It never
 * decides, and never waits for the guarded call.
 *
 * A write that must be durable before a grant is known is awaited (and the platform holds the answer back until
 * it is); what is left is written at the latest `flushEveryMs` later. `autoPersist` would write on every
 * request instead.
 */
import { createDurable } from "itty-durable";
import * as z from "zod";
import { LIMITS } from "../config/limits.ts";
import { budgetStateSchema, spend, type BudgetState } from "../core/budget.ts";
import type { Decision, Settlement } from "../core/guard/commands.ts";
import { joinFlight, landFlight, NO_FLIGHT, type FlightReply, type FlightState } from "../core/flight.ts";
import { closedFor, hasUnwritten, mustWrite, notWritten, reload, written } from "../core/guard/durability.ts";
import { admit, renew, settle } from "../core/guard/machine.ts";
import { newGuardState, parseGuardState, type GuardState } from "../core/guard/model.ts";
import { operateGuard } from "../core/guard/operate.ts";
import type { Moment } from "../core/guard/settings.ts";
import { summarize, type GuardSummary } from "../core/guard/summary.ts";
import { messageOf } from "../core/result.ts";
import { createLogger } from "../telemetry/log.ts";
import {
  admitCommandSchema,
  GUARD_WIRE_VERSION,
  joinFlightCommandSchema,
  landFlightCommandSchema,
  operateCommandSchema,
  settleCommandSchema,
  spendCommandSchema,
  type GuardAnswer,
} from "./wire.ts";

const logger = createLogger("warn", { component: "guard" });

export class GuardObject extends createDurable() {
  /** Own properties are all that is persisted. Parsed in `onLoad`, before any method runs. */
  guard: GuardState | null = null;
  /** Of an object that keeps a budget (`budget:pipeline:triage`); it has nothing else to do. */
  budget: BudgetState | null = null;

  #flight: FlightState = NO_FLIGHT;
  readonly #trailing = new TrailingTimer();

  override async onLoad(): Promise<void> {
    const at = momentNow();
    this.#loadBudget();
    const stored: unknown = this.guard;
    if (stored === null) {
      this.guard = newGuardState(at.nowMs);
      return;
    }
    const parsed = parseGuardState(stored);
    if (!parsed.ok) logger.error("guard_state_unreadable", { guard: String(this.id), reason: parsed.error });
    this.guard = parsed.ok
      ? reload(parsed.value, at)
      : closedFor(newGuardState(at.nowMs), at.nowMs, at.settings);
  }

  async admit(command: unknown): Promise<GuardAnswer<Decision>> {
    const parsed = admitCommandSchema.safeParse(command);
    if (!parsed.success) return refusal(parsed.error);
    const at = momentNow();
    const step = admit(applyAll(this.#state(at), parsed.data, at), parsed.data.request, at, Math.random());
    await this.#keep(step.state, at);
    return answer(step.decision);
  }

  async settle(command: unknown): Promise<GuardAnswer<null>> {
    const parsed = settleCommandSchema.safeParse(command);
    if (!parsed.success) return refusal(parsed.error);
    const at = momentNow();
    await this.#keep(applyAll(this.#state(at), parsed.data, at), at);
    return answer(null);
  }

  /** What was spent must be durable before it is known: a restart makes no budget larger. */
  async spend(command: unknown): Promise<GuardAnswer<BudgetState>> {
    const parsed = spendCommandSchema.safeParse(command);
    if (!parsed.success) return refusal(parsed.error);
    const next = spend(this.budget, parsed.data.spending, Date.now());
    this.budget = next;
    if (parsed.data.spending.micros > 0 || parsed.data.spending.calls > 0) await this.persist();
    return answer(next);
  }

  /** A flight is never stored: a restart costs a second call, no more. */
  joinFlight(command: unknown): GuardAnswer<FlightReply> {
    const parsed = joinFlightCommandSchema.safeParse(command);
    if (!parsed.success) return refusal(parsed.error);
    const step = joinFlight(this.#flight, parsed.data.caller, Date.now(), LIMITS.cache.flightLeaseMs);
    this.#flight = step.state;
    return answer(step.reply);
  }

  landFlight(command: unknown): GuardAnswer<null> {
    const parsed = landFlightCommandSchema.safeParse(command);
    if (!parsed.success) return refusal(parsed.error);
    const untilMs = Date.now() + LIMITS.cache.flightAnswerMs;
    this.#flight = landFlight(this.#flight, parsed.data.caller, parsed.data.answer, untilMs);
    return answer(null);
  }

  /** For operators. Changes nothing. */
  read(): GuardAnswer<GuardSummary> {
    const at = momentNow();
    return answer(summarize(this.#state(at), at));
  }

  async operate(command: unknown): Promise<GuardAnswer<GuardSummary>> {
    const parsed = operateCommandSchema.safeParse(command);
    if (!parsed.success) return refusal(parsed.error);
    const at = momentNow();
    await this.#keep(operateGuard(this.#state(at), parsed.data.operation, at), at);
    return answer(summarize(this.#state(at), at));
  }

  /** One that cannot be read begins the day anew: it stops nothing, and says so. */
  #loadBudget(): void {
    const stored: unknown = this.budget;
    const parsed = z.nullable(budgetStateSchema).safeParse(stored ?? null);
    if (!parsed.success) logger.error("budget_state_unreadable", { budget: String(this.id) });
    this.budget = parsed.success ? parsed.data : null;
  }

  #state(at: Moment): GuardState {
    return this.guard ?? newGuardState(at.nowMs);
  }

  async #keep(state: GuardState, at: Moment): Promise<void> {
    this.guard = state;
    if (mustWrite(state, at)) await this.#write();
    else if (hasUnwritten(state)) this.#writeLater(at);
  }

  #writeLater({ settings }: Moment): void {
    this.#trailing.arm(settings.flushEveryMs, () => this.state.waitUntil(this.#writeTrailing()));
  }

  async #write(): Promise<void> {
    const at = momentNow();
    this.#trailing.disarm();
    this.guard = written(this.#state(at), at.nowMs);
    // Once more when nothing has happened since: the idle guard that is put away loses nothing.
    if (this.guard.isClosed !== true) this.#writeLater(at);
    try {
      await this.persist();
    } catch (thrown) {
      this.guard = notWritten(this.#state(at));
      throw thrown;
    }
  }

  /** Nobody waits for it: when it fails, a restart reckons with the state before it. */
  async #writeTrailing(): Promise<void> {
    try {
      await this.#write();
    } catch (thrown) {
      logger.error("guard_write_failed", { guard: String(this.id), reason: messageOf(thrown) });
    }
  }
}

/** At most one write is due at a time. A timer, not an alarm: what it would save is gone with the memory anyway. */
class TrailingTimer {
  #id: ReturnType<typeof setTimeout> | null = null;

  arm(delayMs: number, action: () => void): void {
    this.#id ??= setTimeout(() => {
      this.#id = null;
      action();
    }, delayMs);
  }

  disarm(): void {
    if (this.#id !== null) clearTimeout(this.#id);
    this.#id = null;
  }
}

function momentNow(): Moment {
  return { nowMs: Date.now(), settings: LIMITS.guard };
}

function applyAll(state: GuardState, { settlements, renewals = [] }: Told, at: Moment): GuardState {
  const settled = settlements.reduce((current, settlement) => settle(current, settlement, at), state);
  return renew(settled, renewals, at);
}

interface Told {
  readonly settlements: readonly Settlement[];
  readonly renewals?: readonly number[] | undefined;
}

function answer<Value>(value: Value): GuardAnswer<Value> {
  return { v: GUARD_WIRE_VERSION, ok: true, value };
}

function refusal(error: z.ZodError): GuardAnswer<never> {
  return { v: GUARD_WIRE_VERSION, ok: false, message: error.message };
}
