/** Of the partition's object, its store and its retention. */
import { equivalentsIn, type EquivalentMutant } from "./entry.ts";

const GATE = "the platform holds answers back until what was written before them is stored";
const COST = "how much is read at once, or written again as it is: a cost, not a promise";
const COMPILER = "a default for the compiler: the value is always there";
const SEARCH = "the search takes other steps and finds the same";
const IDLE = "at worst an alarm wakes an empty object once";

export const OBJECT_EQUIVALENTS: readonly EquivalentMutant[] = [
  ...equivalentsIn("src/partition/decision-table.ts", [
    ["88509c0b", "private rows = 0;", "refreshed before anything is asked of it"],
    ["52cd6602", "if (this.next === null || …) return found;", "the query says the same: nothing is due"],
    ["e7dd3eed", "if (put.length === 0 && …) return;", "what is refreshed is what was there"],
  ]),
  ...equivalentsIn("src/partition/decision-waiters.ts", [
    ["450664ce", "if (this.waiting.size === 0) return;", "where nobody waits nobody is told"],
  ]),
  ...equivalentsIn("src/partition/event-view.ts", [
    ["ab2822e2", "record.nextAtMs > 0", "nothing is due in the first millisecond of 1970"],
  ]),
  ...equivalentsIn("src/partition/partition-object.ts", [
    ["b0b456c1", "… || request.waitMs <= 0", "waiting for no time is no wait"],
    ["becd7c0a", "… || request.waitMs <= 0", "waiting for a millisecond is no wait"],
    ["76eb6719", "if (gone.length === 0) return;", "to acknowledge nothing writes nothing"],
    ["9b4c5d25", "await this.erase();", GATE],
    ["699f18c9", "await this.ctx.storage.deleteAlarm();", "deleting all deletes the alarm, too"],
    ["4c1c52d0", "await this.ctx.storage.deleteAlarm();", GATE],
    ["6ec874ea", "await this.ctx.storage.deleteAll();", GATE],
    ["44abcca4", "await this.arm(…)", GATE],
    ["eb3ba33a", "await armed;", GATE],
    ["99f25739", "await this.ctx.storage.setAlarm(atMs);", GATE],
    ["28844039", "await this.arm(Date.now());", GATE],
    ["c66a55fd", "await this.run([], …tick…);", GATE],
    ["dea3f84d", "await this.tell(untold);", GATE],
    ["b8e34157", "await this.reports.ended(…);", GATE],
    ["e44bb99f", "await armed;", GATE],
    ["4c1c52d0-2", "await this.ctx.storage.deleteAlarm();", GATE],
    ["f74643b7", "this.store.firstOpen(1)[0]", COST],
    ["2b6c1744", "this.headEvents = headEventsFor(view.head);", COST],
    ["9cc93231", "this.alarmAtMs <= dueMs", COST],
    ["75095752", "if (this.alarmAtMs === null) return;", IDLE],
    ["28b22c71", "if (this.alarmAtMs === null) return;", IDLE],
    ["f50b67c2-3", "this.alarmAtMs = null;", IDLE],
    ["699f18c9-2", "await this.ctx.storage.deleteAlarm();", IDLE],
    ["5260e705", `state.id.name ?? ""`, COMPILER],
  ]),
  ...equivalentsIn("src/partition/open-counts.ts", [
    ["0ca3e024", "this.byPriority.get(priority) ?? 0", COMPILER],
  ]),
  ...equivalentsIn("src/partition/outbox.ts", [
    ["76c6599b", "rowsWritten = 0;", "only differences are looked at"],
    ["27ef4300", "version ?? 0", COMPILER],
    ["c6b026c4", "version ?? 0", COMPILER],
    ["f193187e", "this.next === null || this.next > nowMs", "asking the table finds the same"],
    ["8dc3b189-2", "this.load();", IDLE],
  ]),
  ...equivalentsIn("src/partition/remembered.ts", [
    ["1e421567", "if (ids.length === 0) return;", COST],
    ["07007941", `chunk[0] ?? ""`, COMPILER],
    ["35f68696", "bucket < horizon", COST],
    ["a4063fe9", "bucket < horizon", COST],
    ["ffadd610", "hashes.match(EACH_HASH) ?? []", COMPILER],
    ["e6abcad7", "hashes.length / HASH_CHARACTERS - 1", SEARCH],
    ["a6317fdd", "(low + high) >> 1", SEARCH],
    ["2e669d09", "if (found < wanted)", SEARCH],
  ]),
  ...equivalentsIn("src/partition/retention.ts", [
    ["acef3545", "let retainedUntilMs = 0;", "nothing ends in the first millisecond of 1970"],
  ]),
  ...equivalentsIn("src/partition/schema.ts", [
    ["063e66d0", "version: 1,", "a version only has to rise from one migration to the next"],
    ["734b40c4", "export const BUCKET_MS = 7 * DAY_MS;", "any length of a table will do"],
  ]),
  ...equivalentsIn("src/partition/store.ts", [
    ["89f1c61e", `PRIORITIES[priority] ?? "normal"`, COMPILER],
    ["756e77b2", "private isStored = false;", "set by every load, and nothing is asked before one"],
    ["484eeef3", "rowsWritten = 0;", "only differences are looked at"],
    [
      "13784009",
      "this.highest = Number.NEGATIVE_INFINITY;",
      "after a write that failed, a bound that is too high leaves a gap in the order, no disorder",
    ],
    ["99d05d36", "this.mark = null;", "nothing is stored yet: there was no mark before"],
    ["e1e20c1e", "this.mark = positionOf(first);", COST],
    ["d6a14311", "return this.openEvents > 0;", COST],
    ["e79d23f0", "this.retainedUntilMs.get(oldest) ?? 0", "nothing ends in the first millisecond of 1970"],
    ["010fd40a", "this.find(…) ?? []", COMPILER],
    ["47054300", "this.durableMark = null;", "nothing is stored yet: there was no mark before"],
    ["6fdd9867", "this.mark = stored.mark;", "without a mark the scan begins at the beginning: a cost"],
    ["afa6c616", "this.firstOpen(1);", COST],
    ["4a6d3895", "this.firstOpen(1);", COST],
    ["b387b1c3", "this.firstOpen(1);", COST],
    ["afa6c616-2", "this.firstOpen(1);", COST],
    ["4a6d3895-2", "this.firstOpen(1);", COST],
    ["b387b1c3-2", "this.firstOpen(1);", COST],
    ["81c3f3fc", "Math.floor(nowMs)", "times are whole milliseconds"],
    ["6ab38b05", "top.ord ?? this.highest", "a table is made together with its first row"],
    [
      "9942b26c",
      "comparePositions(position, this.mark) < 0",
      "the mark's own event leaves the mark where it is",
    ],
  ]),
  ...equivalentsIn("src/partition/repeats.ts", [
    ["5c294fe1", "TABLE.exec(name)?.[1] ?? Number.NaN", "what is missing is no number either"],
  ]),
  ...equivalentsIn("src/partition/upkeep.ts", [
    ["bd83f658", "private pressureNotBeforeMs = 0;", "no time is that early"],
  ]),
  ...equivalentsIn("src/partition/view.ts", [
    ["4a13f42d", "store.openEvents > head.length ? 0 : null", "due since ever, either way"],
    ["6a43fc6d", "Math.max(1, …lookahead)", COST],
    ["6c8c0437", "Math.max(1, …lookahead)", COST],
    ["42779475", "Math.min(LIMITS.partition.headEvents, 2 * lookahead + 2)", COST],
    ["702b2417", "2 * lookahead + 2", COST],
    ["d254126f", "2 * lookahead + 2", COST],
    ["3c772d94", "2 * lookahead + 2", COST],
    ["bcda3b96", "2 * lookahead + 2", COST],
  ]),
];
