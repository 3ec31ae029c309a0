/** Of the partition's machine. */
import { equivalentsIn, type EquivalentMutant } from "./entry.ts";

const LOADED = "every leased and every changed event is in the working set: the default is for the compiler";
const EXTENDED = "the same command extends the new lease, by the same rule over the same events";
const HELD = "asked only while something is held";
const COUNTED = "one command asks at most one question, after it has looked at the count";

export const CORE_EQUIVALENTS: readonly EquivalentMutant[] = [
  ...equivalentsIn("src/core/partition/actions.ts", [
    ["f93ca44d", "return;", "a release names no event: what follows finds none and returns"],
  ]),
  ...equivalentsIn("src/core/partition/decisions.ts", [
    [
      "9f2cb955",
      "if (stored === undefined) return;",
      "it was stored a line before: the check is for the compiler",
    ],
    ["4b8c7aed", '… ?? "unknown"', "asked only of what was answered by default, which has its reason"],
  ]),
  ...equivalentsIn("src/core/partition/endings.ts", [
    [
      "8ff3be70",
      "work.setPartition({ gateUntilMs … }, true);",
      "a deferred event leaves the lease, which writes the row",
    ],
  ]),
  ...equivalentsIn("src/core/partition/lease.ts", [
    [
      "069e8ae4",
      "if (record === undefined || !isOpen(record.state)) return;",
      "a lease names only open events: an end drops its entry, and a reload those that ended",
    ],
    [
      "e86e8d8d",
      "if (record === undefined || !isOpen(record.state)) return;",
      "a lease names only open events: an end drops its entry, and a reload those that ended",
    ],
    ["1e2e055a", "const leaseMs = Math.max(…);", EXTENDED],
    ["cbe971a8", "expiresAtMs: at.nowMs + leaseMs", EXTENDED],
    ["c7e59b73", "if (lease === null) return;", "called only for an event that the lease names"],
    ["026a8cde", "if (lease === null || lease.entries.length === 0) return;", HELD],
    ["ceb39119", "if (lease === null || lease.entries.length === 0) return;", HELD],
    ["98c1d9cb", "work.get(entry.id)?.envelope.policy.leaseMs ?? 0", LOADED],
    ["a71cc1a5", "work.get(entry.id)?.envelope.policy.leaseMs ?? 0", LOADED],
  ]),
  ...equivalentsIn("src/core/partition/offer.ts", [
    [
      "6e28406f",
      "comparePositions(positionOf(record), reached) < 0",
      "no two events have the same position: it holds the id",
    ],
  ]),
  ...equivalentsIn("src/core/partition/operate.ts", [
    ["2adbda2b", "work.writePartition = true;", "the skipped event's own row proves the same after a crash"],
    ["f032265c", "work.writePartition = true;", "the skipped event's own row proves the same after a crash"],
    ["6878008e", "work.highestOrder = order;", "one command lets at most one event enter again"],
  ]),
  ...equivalentsIn("src/core/partition/order.ts", [
    ["9946f89e", "left.id < right.id ? -1 : …", "only the sign of a comparison counts"],
    ["d7a54104", "left.id > right.id ? 1 : 0", "only the sign of a comparison counts"],
    [
      "95790dd2",
      "comparePositions(left, right) >= 0 ? left : right",
      "equal positions are the same position",
    ],
    ["75d706d5", "const TAIL_STEP = 1 / 1_024;", "any small power of two will do"],
  ]),
  ...equivalentsIn("src/core/partition/turn.ts", [
    ["9597e83f", "work.partition.lease?.entries ?? []", "asked only under a lease"],
  ]),
  ...equivalentsIn("src/core/partition/workspace.ts", [
    [
      "61b73add",
      `PRIORITIES.find(…) ?? "normal"`,
      "there is always a highest priority: the default is for the compiler",
    ],
    ["f1cf6ce8", "if (!…has(decision.id)) this.openDecisions++;", COUNTED],
    ["5d1fc1be", "if (!…has(decision.id)) this.openDecisions++;", COUNTED],
    ["85df62e6", "if (!…has(decision.id)) this.openDecisions++;", COUNTED],
    [
      "f9f9cca0",
      "(record.version ?? 0) > …",
      "without a version it never ended: neither undefined nor 0 is more",
    ],
    ["1da24062", "revision: revision + 1", "a revision only has to differ from the one before"],
    ["70b8f122", "revision: revision + 1", "a revision only has to differ from the one before"],
    ["0a366975", "this.setPartition({ lease … }, true)", "the row is being written already"],
    ["f5ba99ea", "this.records.get(id) ?? []", LOADED],
    ["6976b0e2", "timeline.length > limits.maxTimelineEntries", "at the limit itself nothing is cut out"],
  ]),
];
