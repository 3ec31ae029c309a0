/**
 * What a driver needs from a pipeline: everything up to the effect, and then the effect. The driver
 * (`lanes/`) decides when; the processor knows how. Neither throws for an expected failure.
 */
import type { StageFailure } from "../core/failure.ts";
import type { EventEnvelope } from "../core/envelope.ts";
import type { DeliveryRecord, StoredOutput } from "../core/partition/model.ts";
import type { BodyRoom } from "../platform/body-memory.ts";

/** An event under lease, with everything earlier attempts have stored. */
export interface LeasedEvent {
  readonly envelope: EventEnvelope;
  readonly run: number;
  readonly token: number;
  /** Place in the partition's order of effects. */
  readonly sequence: number;
  /** 1 on the first try. */
  readonly attempt: number;
  /** A later event's effects had begun before this one arrived. */
  readonly late: boolean;
  /** Effects of this run may be out already, confirmed or not. */
  readonly effectsBegun: boolean;
  /** The output an earlier attempt stored: the model is not called again. */
  readonly output: StoredOutput | null;
  /** Confirmed deliveries of this run: never repeated. */
  readonly deliveries: readonly DeliveryRecord[];
  /** The turn a guard gave it when it was deferred: named to whichever guard is asked next, so that it goes before newcomers. */
  readonly turnAtMs?: number;
  /** That its body has in this isolate's memory already, where it came in just now. */
  readonly room?: BodyRoom;
}

export type Prepared =
  | { readonly kind: "ready"; readonly output: StoredOutput }
  | { readonly kind: "filtered"; readonly reason: string }
  | { readonly kind: "review"; readonly output: StoredOutput; readonly reason: string }
  /** A guard said not yet: waits, and uses up no retry. */
  | { readonly kind: "deferred"; readonly untilMs: number; readonly reason: string }
  | { readonly kind: "failed"; readonly failure: StageFailure };

export type Delivered =
  | { readonly kind: "delivered"; readonly deliveries: readonly DeliveryRecord[] }
  /** Some destinations may have confirmed; those in `deliveries` are not sent to again. */
  | {
      readonly kind: "deferred";
      readonly deliveries: readonly DeliveryRecord[];
      readonly untilMs: number;
      readonly reason: string;
    }
  | {
      readonly kind: "failed";
      readonly deliveries: readonly DeliveryRecord[];
      readonly failure: StageFailure;
    };

export interface EventProcessor {
  /** parse → enrich → infer → format. Free of effects outside, so it may run ahead of the event's turn. */
  prepare(event: LeasedEvent, signal: AbortSignal): Promise<Prepared>;
  /**
   * Sends to every destination that has not confirmed yet. Called only when it is the event's turn and its
   * output is stored. `confirm` records one delivery before the next destination is tried.
   */
  deliver(
    event: LeasedEvent,
    output: StoredOutput,
    signal: AbortSignal,
    confirm: (delivery: DeliveryRecord) => Promise<void>,
  ): Promise<Delivered>;
}
