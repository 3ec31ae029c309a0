/**
 * The deliver stage: one destination after the other, each at most once per run as far as anybody can know.
 * What was confirmed is never sent again; what may have arrived is sent again under the same idempotency key.
 */
import { failure, type StageFailure } from "../core/failure.ts";
import type { DeliveryRecord, StoredOutput } from "../core/partition/model.ts";
import { err, unreachable, type Result } from "../core/result.ts";
import type { Destination, DeliveryReceipt, OutboundMessage } from "../destinations/port.ts";
import type { CallReport, GuardClient } from "../guard/port.ts";
import { admitInPlace, hasLimits, turnOf } from "./admission.ts";
import { runBounded } from "./bounded.ts";
import { describeThrown } from "./describe.ts";
import type { FindDestination, Sleep } from "./ports.ts";
import type { Delivered, LeasedEvent } from "./processor.ts";
import { leaseLost, logFailure, type EventRun } from "./stage.ts";

export interface DeliverDeps {
  readonly destinations: FindDestination;
  readonly guard: GuardClient;
  readonly nowMs: () => number;
  readonly sleep: Sleep;
  /** For all of an event's deliveries in one go. What is left then waits for another. */
  readonly deliverTimeoutMs: number;
}

export type Confirm = (delivery: DeliveryRecord) => Promise<void>;

export async function deliverAll(
  run: EventRun,
  deps: DeliverDeps,
  output: StoredOutput,
  signal: AbortSignal,
  confirm: Confirm,
): Promise<Delivered> {
  const { event } = run;
  const endAtMs = deps.nowMs() + deps.deliverTimeoutMs;
  const deliveries = [...event.deliveries];
  const confirmed = new Set(deliveries.map((delivery) => delivery.destination));
  const outstanding = [...new Set(output.to)].filter((name) => !confirmed.has(name));
  for (const [index, name] of outstanding.entries()) {
    if (deps.nowMs() >= endAtMs)
      return { kind: "deferred", deliveries, untilMs: deps.nowMs(), reason: "time is up" };
    const step = await deliverOne(run, deps, name, messageFor(event, output, name), signal, endAtMs);
    switch (step.kind) {
      case "delivered":
        deliveries.push(step.delivery);
        // The last one is recorded together with the completion: one round trip less for most events.
        if (index === outstanding.length - 1) break;
        if (!(await isConfirmed(confirm, step.delivery))) {
          return { kind: "failed", deliveries, failure: leaseLost("deliver") };
        }
        break;
      case "deferred":
        return { kind: "deferred", deliveries, untilMs: step.untilMs, reason: step.reason };
      case "failed":
        return { kind: "failed", deliveries, failure: step.failure };
      default:
        return unreachable(step);
    }
  }
  return { kind: "delivered", deliveries };
}

type DeliveryStep =
  | { readonly kind: "delivered"; readonly delivery: DeliveryRecord }
  | { readonly kind: "deferred"; readonly untilMs: number; readonly reason: string }
  | { readonly kind: "failed"; readonly failure: StageFailure };

async function deliverOne(
  run: EventRun,
  deps: DeliverDeps,
  name: string,
  message: OutboundMessage,
  signal: AbortSignal,
  endAtMs: number,
): Promise<DeliveryStep> {
  const logger = run.logger.with({ destination: name });
  if (signal.aborted) return { kind: "failed", failure: leaseLost("deliver") };
  const found = deps.destinations(name);
  if (!found.ok) {
    logFailure(logger, found.error, 0);
    return { kind: "failed", failure: found.error };
  }
  const destination = found.value;
  const admitted = await admit(deps, destination, run.event, signal);
  if (admitted.kind === "denied") {
    logger.debug("deliver_denied", { reason: admitted.reason });
    const reason = `destination ${name}: ${admitted.reason}`;
    return { kind: "deferred", untilMs: admitted.untilMs, reason };
  }
  if (admitted.kind === "aborted") return { kind: "failed", failure: leaseLost("deliver") };
  const startedAtMs = deps.nowMs();
  // A wait at the guard is part of the time: the driver knows only that the lease outlives the whole.
  const timeoutMs = endAtMs - startedAtMs;
  if (timeoutMs <= 0) {
    // Whoever held this process up for so long may have lost the lease meanwhile: nothing is sent any more.
    admitted.permit?.settle({ outcome: "cancelled", latencyMs: 0, usedTokens: 0, unused: true });
    return { kind: "deferred", untilMs: startedAtMs, reason: "time is up" };
  }
  const sent = await sendTraced(run, destination, message, signal, timeoutMs);
  const durationMs = deps.nowMs() - startedAtMs;
  admitted.permit?.settle(reportOf(sent, durationMs));
  const { pipeline } = run.event.envelope;
  const failed = sent.ok ? null : sent.error;
  run.deps.observe?.({ pipeline, stage: "deliver", destination: name, durationMs, failure: failed });
  if (!sent.ok) {
    logFailure(logger, sent.error, durationMs);
    return { kind: "failed", failure: sent.error };
  }
  const { status } = sent.value;
  logger.debug("stage", { stage: "deliver", duration_ms: durationMs, code: "ok", status });
  const delivery = {
    destination: name,
    idempotencyKey: message.idempotencyKey,
    status,
    deliveredAtMs: deps.nowMs(),
    durationMs: sent.value.durationMs,
  };
  return { kind: "delivered", delivery };
}

function admit(deps: DeliverDeps, destination: Destination, event: LeasedEvent, signal: AbortSignal) {
  const { name, limits } = destination;
  if (!hasLimits(limits)) return { kind: "unguarded", permit: null } as const;
  const { priority } = event.envelope;
  const guard = `destination:${name}`;
  const leaseMs = deps.deliverTimeoutMs;
  const request = { guard, limits, priority, estimatedTokens: 0, leaseMs, ...turnOf(event) };
  return admitInPlace(deps, request, signal);
}

/** The receiver's own spans become children of this delivery. */
function sendTraced(
  run: EventRun,
  destination: Destination,
  message: OutboundMessage,
  signal: AbortSignal,
  timeoutMs: number,
): Promise<Result<DeliveryReceipt, StageFailure>> {
  const { spans } = run.deps;
  if (spans === undefined) return sendBounded(destination, message, signal, timeoutMs);
  const attributes = { "sluice.event.id": message.eventId, "sluice.destination": destination.name };
  return spans.within({ name: "sluice.deliver", kind: "client", attributes }, async (span) => {
    const traceparent = span.traceparent === "" ? message.traceparent : span.traceparent;
    const sent = await sendBounded(destination, { ...message, traceparent }, signal, timeoutMs);
    if (sent.ok) span.set({ "http.response.status_code": sent.value.status });
    else span.fail(sent.error.code);
    return sent;
  });
}

async function sendBounded(
  destination: Destination,
  message: OutboundMessage,
  signal: AbortSignal,
  timeoutMs: number,
): Promise<Result<DeliveryReceipt, StageFailure>> {
  const outcome = await runBounded(signal, timeoutMs, (bound) => destination.send(message, bound));
  switch (outcome.kind) {
    case "returned":
      return outcome.value;
    case "threw":
      return err(failure("deliver", "transient", "destination_threw", describeThrown(outcome.thrown)));
    case "timeout":
      return err(failure("deliver", "transient", "deliver_timeout", `not done within ${timeoutMs} ms`));
    case "aborted":
      return err(leaseLost("deliver"));
    default:
      return unreachable(outcome);
  }
}

function messageFor(event: LeasedEvent, output: StoredOutput, destination: string): OutboundMessage {
  const { envelope, run, sequence, late, token } = event;
  return {
    idempotencyKey: `${envelope.id}.${run}.${destination}`,
    eventId: envelope.id,
    run,
    type: output.type,
    body: output.body,
    partition: envelope.partition,
    sequence,
    late,
    token,
    traceparent: envelope.traceparent,
  };
}

/** False: the partition no longer listens to this driver. */
async function isConfirmed(confirm: Confirm, delivery: DeliveryRecord): Promise<boolean> {
  try {
    await confirm(delivery);
    return true;
  } catch {
    return false;
  }
}

const LIMITED_CODES: ReadonlySet<string> = new Set(["http_429", "rate_limited"]);

function reportOf(sent: Result<DeliveryReceipt, StageFailure>, latencyMs: number): CallReport {
  const base = { latencyMs, usedTokens: 0 };
  if (sent.ok) return { ...base, outcome: "success" };
  const { code, retryAfterMs } = sent.error;
  if (code === "lease_lost") return { ...base, outcome: "cancelled" };
  const outcome = sent.error.class === "transient" ? "transient" : "permanent";
  const limited = LIMITED_CODES.has(code);
  if (!limited && retryAfterMs === undefined) return { ...base, outcome };
  const hint = retryAfterMs === undefined ? { limited } : { limited, retryAfterMs };
  return { ...base, outcome, hint };
}
