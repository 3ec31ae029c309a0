/**
 * Receivers, and the way to them. Three views of what arrived: a naive receiver takes everything, one that
 * dedupes looks at the idempotency key, and one that fences refuses what is older than the newest it has seen.
 */
import { failure, type StageFailure } from "../../src/core/failure.ts";
import { err, ok, type Result } from "../../src/core/result.ts";
import type { DeliveryReceipt, Destination, OutboundMessage } from "../../src/destinations/port.ts";
import type { Context } from "./context.ts";
import { Outage } from "./faults.ts";
import { never, runningProcess, type SimProcess } from "./process.ts";

export interface EffectWatcher {
  /** The driver's code has called `send`. */
  starts(destination: string, message: OutboundMessage, sender: SimProcess): void;
  /** The receiver has it. */
  arrives(destination: string, message: OutboundMessage): void;
}

const DELIVERY_MS = 40;

type Sent = Result<DeliveryReceipt, StageFailure>;

export class SimDestinations {
  readonly down: Outage;
  private readonly context: Context;
  private readonly watcher: EffectWatcher;

  constructor(context: Context, watcher: EffectWatcher) {
    this.context = context;
    this.watcher = watcher;
    this.down = new Outage(context.faults, "destination_down", () => context.clock.nowMs);
  }

  destination(name: string): Destination {
    // One with limits asks its guard first, one without is reached at once.
    const limits = name === "crm" ? { requestsPerMinute: 600 } : {};
    return { name, limits, send: (message, signal) => this.send(name, message, signal) };
  }

  private async send(name: string, message: OutboundMessage, signal: AbortSignal): Promise<Sent> {
    const { clock, chance, faults } = this.context;
    const sender = runningProcess();
    if (sender === null || !sender.alive) return never();
    this.watcher.starts(name, message, sender);
    if (faults.strikes("driver_paused_before_send", 0.03)) {
      const pauseMs = faults.stream("driver_paused_before_send").integer(20_000, 240_000);
      sender.pausedUntilMs = clock.nowMs + pauseMs;
      this.context.trace.line(`${sender.name} paused ${pauseMs} ms before it sends`);
      await clock.wait(pauseMs, `${sender.name} sends after all`, sender);
    }
    return this.travel(name, message, signal, sender, chance.latencyMs(DELIVERY_MS));
  }

  /** Ends when the answer is back, or when the caller no longer wants it; the request may arrive all the same. */
  private travel(
    name: string,
    message: OutboundMessage,
    signal: AbortSignal,
    sender: SimProcess,
    travelMs: number,
  ): Promise<Sent> {
    const { clock, chance, faults } = this.context;
    const slow = faults.strikes("destination_late", 0.04);
    const lateMs = slow ? faults.stream("destination_late").integer(5_000, 120_000) : 0;
    const arrivesAfterAbort = faults.stream("destination_late").happens(0.5);
    return new Promise((resolve) => {
      let wanted = true;
      const end = (sent: Sent) => {
        wanted = false;
        resolve(sent);
      };
      if (signal.aborted) end(transient("cancelled"));
      signal.addEventListener("abort", () => end(transient("cancelled")));
      clock.schedule(travelMs + lateMs, `arrive ${name}`, () => {
        if (!wanted && !arrivesAfterAbort) return;
        const answer = this.arrive(name, message);
        clock.schedule(chance.latencyMs(DELIVERY_MS), `answer ${name}`, () => end(answer), sender);
      });
    });
  }

  private arrive(name: string, message: OutboundMessage): Sent {
    const { faults } = this.context;
    if (this.down.hits()) return transient("http_503");
    if (faults.strikes("destination_failed", 0.06)) return transient("http_500");
    if (faults.strikes("destination_refused", 0.02)) {
      return err(failure("deliver", "permanent", "http_400", "refused (simulated)"));
    }
    this.watcher.arrives(name, message);
    if (faults.strikes("destination_answer_lost", 0.06)) return transient("network");
    return ok({ status: 200, durationMs: 1 });
  }
}

function transient(code: string): Sent {
  return err(failure("deliver", "transient", code, "simulated"));
}
