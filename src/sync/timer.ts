/** A time that passes unless it is cancelled: what is no longer waited for must not keep an invocation alive. */
import type { Clock } from "../platform/clock.ts";

export class Timer {
  private readonly clock: Clock;
  private readonly abort = new AbortController();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  async passes(atMs: number): Promise<"passed"> {
    await this.clock.sleep(atMs - this.clock.nowMs(), this.abort.signal);
    return "passed";
  }

  cancel(): void {
    this.abort.abort();
  }
}
