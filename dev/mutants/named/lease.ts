/** Faults in the lease, the fence, turns, and what is proved again after a crash. */
import { faultsIn, type NamedMutant } from "./fault.ts";

export const LEASE_FAULTS: readonly NamedMutant[] = [
  ...faultsIn("core", "src/core/partition/machine.ts", [
    {
      id: "skip-the-fence",
      find: "lease.token !== request.token",
      replace: "false",
      promise: "a write under a superseded token changes nothing",
    },
    {
      id: "accept-another-driver",
      find: "|| lease.driver !== request.driver",
      replace: "",
      promise: "a token is good only in the hands of the driver it was given to",
    },
    {
      id: "give-a-held-lease-away",
      find: "if (lease !== null && lease.driver !== driver) return null;",
      replace: "",
      promise: "at most one driver has the lease",
    },
    {
      id: "take-a-turn-given-up-for-held",
      find: " && record.turnEnded !== true,",
      replace: ",",
      promise: "after a crash, what has waited since its turn does not have it",
    },
    {
      id: "answer-a-repeat-as-fenced",
      find: `const status = emptiedBy(work, request) ? "released" : "fenced";`,
      replace: `const status = "fenced" as const;`,
      promise: "a repeated request is answered like the first",
    },
    {
      id: "say-nothing-of-ends",
      find: "    ended: work.told(request.request).map(summaryOf),\n",
      replace: "    ended: [],\n",
      promise: "a driver hears what ended through it, for the ledger",
    },
    {
      id: "reconcile-forgets-the-turn",
      find: "turn: over ? null : turn,",
      replace: "turn: null,",
      promise: "after a crash, what was in its turn keeps it",
    },
    {
      id: "reconcile-forgets-sequences",
      find: "const sequence = Math.max(partition.sequence, ...leased.map((record) => record.sequence));",
      replace: "const { sequence } = partition;",
      promise: "sequences rise, also across a crash",
    },
    {
      id: "reconcile-keeps-ended-grants",
      find: "isOpen(record.state) ? entry : []",
      replace: "entry",
      promise: "nobody waits for a lease whose events have ended",
    },
    {
      id: "ring-never",
      find: "workDueMs !== null && workDueMs <= work.at.nowMs ? work.priority() : null",
      replace: "null",
      promise: "due work that nobody holds rings its lane",
    },
    {
      id: "lease-never-expires",
      find: "  expireLease(work);\n",
      replace: "",
      promise: "a driver that never comes back loses the partition",
    },
    {
      id: "age-is-no-bound",
      find: "  expireOverdue(work);\n",
      replace: "",
      promise: "maxAgeMs bounds every wait",
    },
    {
      id: "forget-stored-output",
      find: "output: record.output,",
      replace: "output: null,",
      promise: "an output once stored is handed to every later driver",
    },
    {
      id: "forget-deliveries",
      find: "deliveries: record.deliveries,",
      replace: "deliveries: [],",
      promise: "a confirmed delivery is handed to every later driver",
    },
  ]),
  ...faultsIn("core", "src/core/partition/lease.ts", [
    {
      id: "reuse-a-token",
      find: "Math.max(partition.token + 1, at.nowMs)",
      replace: "Math.max(partition.token, at.nowMs)",
      promise: "every lease has a larger token than the one before",
    },
    {
      id: "lose-starts-on-expiry",
      find: "starts: entry.starts, turnEnded",
      replace: "turnEnded",
      promise: "a grant that never came back is counted",
    },
    {
      id: "never-poison",
      find: "if (entry.starts < limits.poisonAfterStarts) {",
      replace: "if (true) {",
      promise: "what kills its drivers is dead after five starts",
    },
    {
      id: "never-isolate",
      find: "if (record.starts >= at.limits.isolateAfterStarts) {",
      replace: "if (false) {",
      promise: "what may kill its drivers runs alone",
    },
    {
      id: "release-counts-a-start",
      find: "export function releaseLease(work: Workspace): void {",
      replace:
        "export function releaseLease(work: Workspace): void {\n  for (const entry of work.partition.lease?.entries ?? []) countLostStart(work, entry);",
      promise: "a release is no lost start",
    },
    {
      id: "grant-while-paused",
      find: "partition.paused !== null || ",
      replace: "",
      promise: "a paused partition grants nothing",
    },
    {
      id: "ignore-the-gate",
      find: " || partition.gateUntilMs > at.nowMs",
      replace: "",
      promise: "a deferral holds up the whole partition",
    },
    {
      id: "pass-by-a-waiting-event",
      find: "if (ordered) break;",
      replace: "",
      promise: "nothing is granted past an event that waits for its retry",
    },
    {
      id: "never-extend",
      find: "  work.setPartition({ lease: { ...lease, expiresAtMs } }, true);\n",
      replace: "",
      promise: "a driver that speaks keeps its lease",
    },
    {
      id: "extend-in-memory-only",
      find: "{ ...lease, expiresAtMs } }, true)",
      replace: "{ ...lease, expiresAtMs } }, false)",
      promise: "an extension is durable before the driver relies on it",
    },
  ]),
  ...faultsIn("core", "src/core/partition/turn.ts", [
    {
      id: "deliver-before-record",
      find: "!isLeased(lease, head.id) || !mayHaveTurn(head)",
      replace: "!isLeased(lease, head.id)",
      promise: "no turn before the output is stored",
    },
    {
      id: "two-turns-at-once",
      find: "return { turns: [numbered(work, head)], nextTurnAtMs: null };",
      replace:
        "return { turns: work.open().filter((one) => isLeased(lease, one.id) && one.output !== null).map((one) => numbered(work, one)), nextTurnAtMs: null };",
      promise: "one event at a time has its turn",
    },
    {
      id: "ignore-the-settle-window",
      find: "record.enteredAtMs + settleMs",
      replace: "record.enteredAtMs",
      promise: "effects wait out the settle window",
    },
    {
      id: "ignore-the-gap",
      find: "record.enteredAtMs + gapWaitMs",
      replace: "record.enteredAtMs",
      promise: "a gap in a contiguous sequence is waited for",
    },
    {
      id: "reuse-a-sequence",
      find: "const sequence = latest + 1;",
      replace: "const sequence = Math.max(latest, 1);",
      promise: "every turn has a number of its own",
    },
    {
      id: "cancel-nothing",
      find: "return holding.filter((id) => !isLeased(work.partition.lease, id));",
      replace: "return holding.filter(() => false);",
      promise: "a driver hears what it may no longer work on",
    },
  ]),
];
