/** How many events are open, by priority: in memory, because counting rows would cost on every command. */
import { isOpen, type EventRecord } from "../core/partition/model.ts";
import { PRIORITIES, type Priority } from "../core/policy.ts";

export class OpenCounts {
  private readonly byPriority = new Map<Priority, number>();

  clear(): void {
    this.byPriority.clear();
  }

  get total(): number {
    return [...this.byPriority.values()].reduce((sum, count) => sum + count, 0);
  }

  get highest(): Priority {
    return PRIORITIES.find((priority) => (this.byPriority.get(priority) ?? 0) > 0) ?? "low";
  }

  add(priority: Priority, count: number): void {
    this.byPriority.set(priority, (this.byPriority.get(priority) ?? 0) + count);
  }

  /** An event was `before` and is `after`; undefined for a new one. */
  follow(before: EventRecord | undefined, after: EventRecord): void {
    if (before !== undefined && isOpen(before.state)) this.add(before.envelope.priority, -1);
    if (isOpen(after.state)) this.add(after.envelope.priority, 1);
  }
}
