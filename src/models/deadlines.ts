/**
 * The four clocks of a model call and the one signal that ends it upstream. Whoever aborts first is
 * remembered: an error that reaches the caller afterwards is only the echo of that. Timers run only while
 * the upstream is waited for, so a slow reader downstream is never taken for a silent model.
 */
import { LazyTimer } from "../platform/lazy-timer.ts";
import type { ModelTimeouts } from "./port.ts";

export type AbortCause =
  | "cancelled"
  | "connect_timeout"
  | "first_token_timeout"
  | "idle_timeout"
  | "total_timeout"
  | "output_too_long"
  /** The upstream reported an error and may still be sending. */
  | "failed";

const CLOCK_BY_PHASE = {
  connect: { wait: "connectMs", cause: "connect_timeout" },
  firstToken: { wait: "firstTokenMs", cause: "first_token_timeout" },
  idle: { wait: "idleMs", cause: "idle_timeout" },
} as const;

export class CallDeadlines {
  readonly #controller = new AbortController();
  readonly #timeouts: ModelTimeouts;
  readonly #caller: AbortSignal;
  readonly #total: ReturnType<typeof setTimeout>;
  readonly #onCallerAbort = () => this.abort("cancelled");
  readonly #waiting = new LazyTimer(() => this.abort(CLOCK_BY_PHASE[this.#phase].cause));
  #phase: keyof typeof CLOCK_BY_PHASE = "connect";
  #cause: AbortCause | undefined;
  #release: (() => void) | undefined;

  constructor(timeouts: ModelTimeouts, caller: AbortSignal) {
    this.#timeouts = timeouts;
    this.#caller = caller;
    this.#total = setTimeout(() => this.abort("total_timeout"), timeouts.totalMs);
    if (caller.aborted) this.abort("cancelled");
    else caller.addEventListener("abort", this.#onCallerAbort, { once: true });
  }

  /** For the upstream call. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get cause(): AbortCause | undefined {
    return this.#cause;
  }

  /** Starts the clock of a phase; at most one runs. */
  expect(phase: keyof typeof CLOCK_BY_PHASE): void {
    if (this.#cause !== undefined) return;
    this.#phase = phase;
    this.#waiting.expect(this.#timeouts[CLOCK_BY_PHASE[phase].wait]);
  }

  /** Nothing is waited for just now. */
  relax(): void {
    this.#waiting.relax();
  }

  /** Called just before the upstream is ended: cancelling its stream first makes a pending read return at once. */
  onAbort(release: () => void): void {
    this.#release = release;
    if (this.#cause !== undefined) release();
  }

  /** Ends the upstream call. Only the first cause counts. */
  abort(cause: AbortCause): void {
    if (this.#cause !== undefined) return;
    this.#cause = cause;
    this.close();
    this.#release?.();
    this.#controller.abort(new DOMException(cause, "AbortError"));
  }

  /** Stops all clocks and lets go of the caller's signal. */
  close(): void {
    this.#waiting.close();
    clearTimeout(this.#total);
    this.#caller.removeEventListener("abort", this.#onCallerAbort);
  }
}
