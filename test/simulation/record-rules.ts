/**
 * What may become of an event's record in one command. Told from outside: by the command's own words and the
 * record before and after it, never by the machine's code.
 */
import type { Action, ExchangeRequest } from "../../src/core/partition/commands.ts";
import { isOpen, type EventRecord } from "../../src/core/partition/model.ts";
import type { OperatorCommand } from "../../src/core/partition/operate.ts";
import type { Context } from "./context.ts";
import type { ObjectCall } from "./sim-object.ts";
import { short } from "./trace.ts";

type EventAction = Exclude<Action, { kind: "release" }>;

const POISON_AFTER_STARTS = 5;

/** @param applies whether the command's actions count: the token is valid, and the lease names the event */
export function checkRewrite(
  context: Context,
  call: ObjectCall,
  before: EventRecord,
  after: EventRecord,
  applies: boolean,
): void {
  const action = applies ? actionFor(call, after.id) : null;
  const decided = operatorDecision(call, after.id);
  const reentered = decided !== null && !isOpen(before.state) && isOpen(after.state);
  const rule = (holds: boolean, name: string) =>
    context.check(
      holds,
      name,
      () =>
        `${short(after.id)} in ${call.method} (${action?.kind ?? decided?.kind ?? "time"}): ${told(before)} → ${told(after)}`,
    );
  const isLateAnswer = call.method === "settle" && isAnsweredLate(before, after);
  rule(
    isOpen(before.state) || decided !== null || isLateAnswer,
    "an ended event changes by an operator's word alone",
  );
  rule(before.arrivedAtMs === after.arrivedAtMs, "when an event arrived never changes");
  rule(reentered || before.order === after.order, "an event keeps its place until it re-enters");
  rule(before.late === after.late || reentered, "late is decided on arrival");
  checkCounters(rule, action, before, after, reentered);
  checkOutput(rule, before, after, decided !== null);
  const again = after.run > before.run;
  rule(again || keepsDeliveries(before, after), "a recorded delivery stays recorded");
  const isRerun = reentered || decided?.kind === "edit";
  rule(after.run === before.run || (again && isRerun), "a run begins by a replay or an edit alone");
  rule(reentered || after.sequence >= before.sequence, "an event's sequence never falls");
  rule(
    after.sequence === before.sequence || after.sequence === 0 || after.output !== null,
    "no turn without an output",
  );
}

/** A late answer is noted beside the one that stands; an event that has ended gets no output by it. */
function isAnsweredLate(before: EventRecord, after: EventRecord): boolean {
  const { timeline: _timeline, decision: answer, ...restBefore } = before;
  const { timeline: _later, decision: noted, ...restAfter } = after;
  const { late, ...standing } = noted ?? { late: undefined };
  return (
    late !== undefined &&
    JSON.stringify(standing) === JSON.stringify(answer) &&
    JSON.stringify({ ...restAfter, lastRequest: null }) ===
      JSON.stringify({ ...restBefore, lastRequest: null })
  );
}

function told(record: EventRecord): string {
  const { state, attempts, deliveryAttempts, deferrals, starts, sequence, run } = record;
  return JSON.stringify({ state, run, attempts, deliveryAttempts, deferrals, starts, sequence });
}

function checkCounters(
  rule: (holds: boolean, name: string) => void,
  action: EventAction | null,
  before: EventRecord,
  after: EventRecord,
  reentered: boolean,
): void {
  if (reentered) return;
  const failed = action?.kind === "fail" ? action.failure.stage : null;
  // Several commands may be answered before one of them writes: only what this one wrote counts.
  const attempts = after.attempts - before.attempts;
  const deliveryAttempts = after.deliveryAttempts - before.deliveryAttempts;
  rule(attempts === Number(failed !== null && failed !== "deliver"), "attempts are the failed tries");
  rule(deliveryAttempts === Number(failed === "deliver"), "delivery attempts are the failed deliveries");
  rule(
    after.deferrals - before.deferrals === Number(action?.kind === "defer"),
    "deferrals are what guards said",
  );
  rule(action?.kind !== "defer" || after.state === "deferred", "a deferral waits");
  const lost = after.starts - before.starts;
  rule(lost <= 1, "one lost grant is one start");
  rule(after.starts <= POISON_AFTER_STARTS, "an event is started five times at most");
  const { retry, delivery } = after.envelope.policy;
  rule(after.attempts <= retry.maxRetries + 1, "retries end");
  rule(after.deliveryAttempts <= delivery.maxRetries + 1, "delivery retries end");
  const poisoned = isOpen(before.state) && after.state === "dead" && after.failure?.code === "poison";
  rule(!poisoned || before.starts === POISON_AFTER_STARTS - 1, "poison is the fifth lost start");
}

/** An output once stored stays, unless another version of the stage makes it anew before any effect. */
function checkOutput(
  rule: (holds: boolean, name: string) => void,
  before: EventRecord,
  after: EventRecord,
  byOperator: boolean,
): void {
  if (before.output === null || byOperator) return;
  // What could not be formatted is for a person to see, and is always made anew.
  if (before.output.draft === true) return;
  if (JSON.stringify(before.output) === JSON.stringify(after.output)) return;
  rule(after.output !== null, "a stored output is never lost");
  rule(before.deliveries.length === 0, "an output stays once an effect is recorded");
  rule(before.output.stageVersion !== after.output?.stageVersion, "an output is made once for a version");
}

function keepsDeliveries(before: EventRecord, after: EventRecord): boolean {
  return before.deliveries.every(
    (delivery, index) => after.deliveries[index]?.destination === delivery.destination,
  );
}

/** A write that came with a superseded token: time alone may have changed anything. */
export function isTimeAlone(before: EventRecord | undefined, after: EventRecord): boolean {
  // A question that nobody answered in time enters the log with its default.
  if (before === undefined) return after.decision?.by === "default";
  const expired = after.state === "expired" || (after.state === "dead" && after.failure?.code === "poison");
  const same =
    before.attempts === after.attempts &&
    before.deliveryAttempts === after.deliveryAttempts &&
    before.deferrals === after.deferrals &&
    before.deliveries.length === after.deliveries.length &&
    before.sequence === after.sequence &&
    JSON.stringify(before.output) === JSON.stringify(after.output);
  return same && (expired || before.state === after.state);
}

function actionFor(call: ObjectCall, id: EventRecord["id"]): EventAction | null {
  if (call.method !== "exchange") return null;
  const { actions } = call.request as ExchangeRequest; // as the driver sent it
  const own = actions.filter(
    (action): action is EventAction => action.kind !== "release" && action.id === id,
  );
  return own.at(-1) ?? null;
}

function operatorDecision(call: ObjectCall, id: EventRecord["id"]): OperatorCommand | null {
  if (call.method !== "operate") return null;
  const command = call.request as OperatorCommand; // as the operator sent it
  return "id" in command && command.id === id ? command : null;
}
