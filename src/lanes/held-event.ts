/**
 * One event in a driver's hands: prepared as soon as there is a slot, delivered when it is its turn.
 * It never talks to the partition itself; it hands outcomes to the driver, which sends them together.
 */
import type { Action, Grant, Turn } from "../core/partition/commands.ts";
import type { JsonValue } from "../core/json.ts";
import type { DeliveryRecord, StoredOutput } from "../core/partition/model.ts";
import { failure } from "../core/failure.ts";
import { messageOf, unreachable } from "../core/result.ts";
import type { Prepared } from "../pipeline/processor.ts";
import type { DriverDependencies } from "./ports.ts";
import type { Slots } from "./slots.ts";

/** How a held event reaches its driver. */
export interface DriverLink {
  readonly token: number;
  /** Resolves when the partition has the action; null only asks for an exchange. Rejects when the lease is lost. */
  report(action: Action | null): Promise<void>;
  /** Resolves true when the lease outlives one effect, extended if need be; false when it is lost. */
  coverEffect(): Promise<boolean>;
}

export class HeldEvent {
  readonly id: Grant["envelope"]["id"];
  /** True while there is something to wait for beside a turn. */
  isWorking = true;
  private readonly abort = new AbortController();
  private delivering = false;
  private output: StoredOutput | null = null;
  private readonly grant: Grant;
  private readonly link: DriverLink;
  private readonly deps: DriverDependencies;

  constructor(grant: Grant, link: DriverLink, deps: DriverDependencies) {
    this.id = grant.envelope.id;
    this.grant = grant;
    this.link = link;
    this.deps = deps;
  }

  get envelope(): Grant["envelope"] {
    return this.grant.envelope;
  }

  /** Of its deliveries, once the partition has it. */
  get body(): JsonValue | undefined {
    return this.output?.body;
  }

  cancel(): void {
    this.abort.abort();
  }

  /**
   * The partition has this output. Only now may a turn be used: one that was given for the output of an earlier
   * version, while this one is still on its way, is repeated with the reply that stores it.
   */
  outputStored(output: StoredOutput): void {
    this.output = output;
  }

  /** Up to the stored output. Runs ahead of the event's turn, because it has no effect outside. */
  async prepare(slots: Slots): Promise<void> {
    const prepared = await slots.use(() => this.tryPrepare());
    if (this.abort.signal.aborted) return;
    if (prepared.kind === "ready") {
      await this.settle();
      this.isWorking = false;
      // Already stored by an earlier attempt: the record only asks for the turn.
      await this.link.report({ kind: "record", id: this.id, output: prepared.output });
      return;
    }
    await this.link.report(actionOf(this.id, prepared));
  }

  /** Called when the partition gives the turn. A second call for the same turn does nothing. */
  async deliver(turn: Turn, slots: Slots): Promise<void> {
    const { output } = this;
    if (this.delivering || output === null) return;
    this.delivering = true;
    this.isWorking = true;
    const action = await slots.useFirst(async () => {
      // Asked for here, with the slot in hand: the lease must outlive the effect, not the wait before it.
      if (!(await this.link.coverEffect()) || this.abort.signal.aborted) return null;
      return this.tryDeliver(turn, output);
    });
    this.isWorking = false;
    if (action !== null && !this.abort.signal.aborted) await this.link.report(action);
  }

  /** Waiting here for the settle window costs nothing; asking the partition twice would cost a request. */
  private async settle(): Promise<void> {
    const waitMs = this.grant.settledAtMs - this.deps.clock.nowMs();
    if (waitMs > 0 && waitMs <= this.deps.limits.lingerMs)
      await this.deps.clock.sleep(waitMs, this.abort.signal);
  }

  private async tryPrepare(): Promise<Prepared> {
    try {
      return await this.deps.processor.prepare(this.leased(0), this.abort.signal);
    } catch (thrown) {
      const message = messageOf(thrown);
      this.deps.log.error("prepare_threw", { event_id: this.id, error: message });
      return { kind: "failed", failure: failure("infer", "transient", "unexpected", message) };
    }
  }

  private async tryDeliver(turn: Turn, output: StoredOutput): Promise<Action | null> {
    const event = this.leased(turn.sequence);
    try {
      const confirm = async (delivery: DeliveryRecord): Promise<void> => {
        await this.link.report({ kind: "confirm", id: this.id, delivery });
        if (!(await this.link.coverEffect())) throw new Error("the lease does not outlive another delivery");
      };
      const result = await this.deps.processor.deliver(event, output, this.abort.signal, confirm);
      const { deliveries } = result;
      switch (result.kind) {
        case "delivered": {
          const emits = await this.deps.buildEmits(event, output);
          return { kind: "complete", id: this.id, deliveries, emits };
        }
        case "deferred":
          return { kind: "defer", id: this.id, untilMs: result.untilMs, reason: result.reason, deliveries };
        case "failed":
          return { kind: "fail", id: this.id, failure: result.failure, deliveries };
        default:
          return unreachable(result);
      }
    } catch (thrown) {
      if (this.abort.signal.aborted) return null;
      const message = messageOf(thrown);
      this.deps.log.error("deliver_threw", { event_id: this.id, error: message });
      return {
        kind: "fail",
        id: this.id,
        failure: failure("deliver", "transient", "unexpected", message),
        deliveries: [],
      };
    }
  }

  private leased(sequence: number) {
    const { settledAtMs: _, ...event } = this.grant;
    const { token } = this.link;
    return { ...event, sequence, token };
  }
}

function actionOf(id: HeldEvent["id"], prepared: Exclude<Prepared, { kind: "ready" }>): Action {
  switch (prepared.kind) {
    case "filtered":
      return { kind: "filter", id, reason: prepared.reason };
    case "review":
      return { kind: "review", id, output: prepared.output, reason: prepared.reason };
    case "deferred":
      return { kind: "defer", id, untilMs: prepared.untilMs, reason: prepared.reason, deliveries: [] };
    case "failed":
      return { kind: "fail", id, failure: prepared.failure, deliveries: [] };
    default:
      return unreachable(prepared);
  }
}
