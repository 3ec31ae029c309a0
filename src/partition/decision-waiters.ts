/** Requests that wait in the object for an answer that another one is asking for. In memory: who is lost asks again. */
import type { EventId } from "../core/ids.ts";
import type { DecisionRecord } from "../core/partition/model.ts";
import type { Decision } from "../core/partition/workspace.ts";

type Tell = (decision: DecisionRecord) => void;

export class DecisionWaiters {
  private readonly waiting = new Map<EventId, Set<Tell>>();

  /** @returns null when there was no answer in time */
  wait(id: EventId, waitMs: number): Promise<DecisionRecord | null> {
    return new Promise((resolve) => {
      const told = this.waiting.get(id) ?? new Set();
      this.waiting.set(id, told);
      const leave = (decision: DecisionRecord | null) => {
        clearTimeout(timer);
        told.delete(leave);
        if (told.size === 0 && this.waiting.get(id) === told) this.waiting.delete(id);
        resolve(decision);
      };
      const timer = setTimeout(() => leave(null), Math.max(0, waitMs));
      told.add(leave);
    });
  }

  /** Called once it is committed. */
  tell({ changed, decisions }: Pick<Decision<unknown>, "changed" | "decisions">): void {
    if (this.waiting.size === 0) return;
    for (const { id, answer } of decisions.put) if (answer !== null) this.tellOne(id, answer);
    for (const { id, decision } of changed) if (decision !== undefined) this.tellOne(id, decision);
  }

  private tellOne(id: EventId, decision: DecisionRecord): void {
    // Each leaves the set when it is told; deleting what has been visited is safe.
    for (const tell of this.waiting.get(id) ?? []) tell(decision);
  }
}
