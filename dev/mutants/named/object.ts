/** Faults in the partition's object: alarms, rows, retention, calls. */
import { faultsIn, type NamedMutant } from "./fault.ts";

export const OBJECT_FAULTS: readonly NamedMutant[] = [
  ...faultsIn("object", "src/partition/partition-object.ts", [
    {
      id: "drop-the-re-arm",
      find: "return stands ? Promise.resolve() : this.arm(Math.max(dueMs, nowMs));",
      replace: "return Promise.resolve();",
      promise: "a commit that leaves work open leaves an alarm",
    },
    {
      id: "alarm-throws",
      find: "await this.arm(Date.now() + LIMITS.partition.ringEveryMs);\n    }\n  }",
      replace: "throw thrown;\n    }\n  }",
      promise: "the alarm's handler never throws",
    },
    {
      id: "forget-the-alarm-on-load",
      find: "if (isAwaited && this.alarmAtMs === null) await this.arm(Date.now());",
      replace: "",
      promise: "what is open has an alarm whenever the object is loaded",
    },
    {
      id: "keep-a-rolled-back-decision",
      find: "      this.partition = this.loadPartition();\n      throw thrown;",
      replace: "      throw thrown;",
      promise: "after a failed write memory says what is stored",
    },
    {
      id: "no-outbox",
      find: "this.outbox.put(decision.outbox, nowMs);",
      replace: "",
      promise: "what a person must see is told until the ledger has it",
    },
    {
      id: "no-alarm-for-the-outbox",
      find: "this.outbox.nextAtMs, this.upkeep",
      replace: "this.upkeep",
      promise: "what is untold has an alarm",
    },
    {
      id: "erase-without-bodies",
      find: "await deleteBodies(this.bodies(), [...this.store.bodies(), ...this.decisions.bodies()]);",
      replace: "",
      promise: "an erased customer's bodies are gone, too",
    },
  ]),
  ...faultsIn("object", "src/partition/reports.ts", [
    {
      id: "ring-every-time",
      find: "if (nowMs - this.rungAtMs < LIMITS.partition.ringEveryMs) return;",
      replace: "",
      promise: "a lane is not rung again within seconds",
    },
  ]),
  ...faultsIn("object", "src/partition/outbox.ts", [
    {
      id: "acknowledge-any-version",
      find: ' AND version <= ?", id, version);',
      replace: '", id);',
      promise: "an earlier word does not stand for a later one",
    },
    {
      id: "told-is-told",
      find: `this.write("UPDATE outbox SET tries = tries + 1, next_at = ? WHERE id = ?", nowMs + waitMs, id);`,
      replace: `this.write("DELETE FROM outbox WHERE id = ?", id);`,
      promise: "only the ledger's word ends the telling",
    },
  ]),
  ...faultsIn("object", "src/partition/upkeep.ts", [
    {
      id: "bodies-stay",
      find: "await this.removeBodies(plans.flatMap(({ bodies }) => bodies));",
      replace: "",
      promise: "a large body goes with its event",
    },
    {
      id: "never-relieve",
      find: "await this.relieve(nowMs);",
      replace: "",
      promise: "a full partition makes room",
    },
  ]),
  ...faultsIn("object", "src/partition/store.ts", [
    {
      id: "mark-not-lowered",
      find: "if (isFirst) this.mark = position;",
      replace: "",
      promise: "an event that arrives before the mark is not skipped",
    },
    {
      id: "mark-never-written",
      find: "return this.mark === null || comparePositions(this.mark, this.durableMark) < 0;",
      replace: "return false;",
      promise: "a lowered mark survives a crash",
    },
    {
      id: "order-not-moved",
      find: "if (record.order === before.order) {",
      replace: "if (true) {",
      promise: "what re-enters is found at the tail",
    },
  ]),
  ...faultsIn("object", "src/partition/retention.ts", [
    {
      id: "drop-open-rows",
      find: "if (row.ended === null) keep.push(row.id);",
      replace: "if (row.ended === null) leaving.push(row);",
      promise: "retention never drops what is open",
    },
    {
      id: "drop-dead-letters",
      find: `new Set(["review", "dead"])`,
      replace: "new Set([])",
      promise: "dead letters and reviews are kept until somebody dealt with them",
    },
    {
      id: "drop-untold-early",
      find: "\n         AND id NOT IN (SELECT id FROM outbox)",
      replace: "",
      promise: "what the ledger must still hear is not dropped",
    },
  ]),
  ...faultsIn("object", "src/partition/remembered.ts", [
    {
      id: "ids-not-remembered",
      find: "return this.parts.some(",
      replace: "return [].some(",
      promise: "an id past retention is still a duplicate",
    },
  ]),
];
