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
      find: "if (this.store.openEvents > 0 && this.alarmAtMs === null) await this.arm(Date.now());",
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
      id: "ring-every-time",
      find: "if (nowMs - this.rungAtMs < LIMITS.partition.ringEveryMs) return;",
      replace: "",
      promise: "a lane is not rung again within seconds",
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
      replace: "if (row.ended === null) remember.push(row.id);",
      promise: "retention never drops what is open",
    },
    {
      id: "drop-dead-letters",
      find: `new Set(["review", "dead"])`,
      replace: "new Set([])",
      promise: "dead letters and reviews are kept until somebody dealt with them",
    },
    {
      id: "ids-not-remembered",
      find: "const rows = sql\n    .exec<{ hashes: string }>(",
      replace: "return false;\n  const rows = sql\n    .exec<{ hashes: string }>(",
      promise: "an id past retention is still a duplicate",
    },
  ]),
];
