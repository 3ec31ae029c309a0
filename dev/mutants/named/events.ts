/** Faults in what becomes of events: actions, endings, offers, order, alarms, operators, retries. */
import { faultsIn, type NamedMutant } from "./fault.ts";

export const EVENT_FAULTS: readonly NamedMutant[] = [
  ...faultsIn("core", "src/core/partition/actions.ts", [
    {
      id: "forget-last-request",
      find: "{ ...record, lastRequest: request }",
      replace: "record",
      promise: "a repeated request is not applied twice",
    },
    {
      id: "act-on-what-is-not-held",
      find: "  if (!isLeased(work.partition.lease, action.id)) return;\n",
      replace: "",
      promise: "an action on what the lease does not name is ignored",
    },
    {
      id: "emits-lost",
      find: "if (work.get(envelope.id) === undefined)",
      replace: "if (false)",
      promise: "emitted events commit together with the completion",
    },
    {
      id: "emit-overwrites",
      find: "if (work.get(envelope.id) === undefined)",
      replace: "if (true)",
      promise: "an emitted event that is known already is left as it is",
    },
    {
      id: "failure-forgets-deliveries",
      find: "failRecord(work, deliverAll(work, record, action.deliveries), action.failure)",
      replace: "failRecord(work, record, action.failure)",
      promise: "what was delivered before a failure is not delivered again",
    },
    {
      id: "deferral-forgets-deliveries",
      find: "deferRecord(work, deliverAll(work, record, action.deliveries), action.untilMs",
      replace: "deferRecord(work, record, action.untilMs",
      promise: "what was delivered before a deferral is not delivered again",
    },
    {
      id: "lateness-unseen",
      find: "  if (hadEffects(record)) reachEffects(work, record);\n",
      replace: "",
      promise: "what came too late is marked",
    },
  ]),
  ...faultsIn("core", "src/core/partition/endings.ts", [
    {
      id: "deferral-is-an-attempt",
      find: "deferrals: record.deferrals + 1,",
      replace: "deferrals: record.deferrals + 1, attempts: record.attempts + 1,",
      promise: "a deferral uses up no retry",
    },
    {
      id: "no-gate",
      find: "  work.setPartition({ gateUntilMs: Math.max(work.partition.gateUntilMs, nextAtMs) }, true);\n",
      replace: "",
      promise: "a deferral sets one gate for the partition",
    },
    {
      id: "dead-does-not-pause",
      find: `policy.onDead === "pause"`,
      replace: "false",
      promise: "onDead: pause",
    },
    {
      id: "review-does-not-hold",
      find: `policy.onReview === "hold"`,
      replace: "false",
      promise: "onReview: hold",
    },
    {
      id: "retry-for-ever",
      find: "if (failures > policy.maxRetries)",
      replace: "if (false)",
      promise: "retries are bounded",
    },
    {
      id: "retry-permanent-failures",
      find: `if (failed.class !== "transient") `,
      replace: `if (false) `,
      promise: "a permanent failure is dead at once",
    },
    {
      id: "retry-after-ignored",
      find: "random(), failed.retryAfterMs)",
      replace: "random())",
      promise: "Retry-After is honoured",
    },
    {
      id: "deliver-twice-on-record",
      find: "const added = deliveries.filter((delivery) => !known.has(delivery.destination));",
      replace: "const added = deliveries.filter(() => known.size >= 0);",
      promise: "each destination is recorded once",
    },
  ]),
  ...faultsIn("core", "src/core/partition/offer.ts", [
    {
      id: "store-duplicates-again",
      find: "if (known !== undefined) {",
      replace: "if (false) {",
      promise: "an event id is stored at most once",
    },
    {
      id: "forget-remembered-ids",
      find: "if (work.remembered.has(envelope.id))",
      replace: "if (false)",
      promise: "an id past retention is still a duplicate",
    },
    {
      id: "never-push-back",
      find: "isFull(work) || ",
      replace: "",
      promise: "a full partition pushes back",
    },
    {
      id: "no-reserve-for-completions",
      find: "const usable = 1 - reservedShare;",
      replace: "const usable = 1;",
      promise: "a tenth of the bounds is kept for completions",
    },
    {
      id: "take-while-draining",
      find: " || work.partition.draining",
      replace: "",
      promise: "a draining partition takes nothing new",
    },
  ]),
  ...faultsIn("core", "src/core/partition/order.ts", [
    {
      id: "strict-within-a-millisecond",
      find: `if (policy.ordering === "strict") return Math.max(nowMs, highestOrder + 1);`,
      replace: `if (policy.ordering === "strict") return nowMs;`,
      promise: "strict order is the order of acknowledgement",
    },
    {
      id: "ignore-the-senders-order",
      find: "orderKey ?? receivedAtMs",
      replace: "receivedAtMs",
      promise: "the sender's order key counts",
    },
  ]),
  ...faultsIn("core", "src/core/partition/due.ts", [
    {
      id: "no-alarm-for-the-lease",
      find: "if (lease !== null) times.push(lease.expiresAtMs);",
      replace: "if (lease !== null) times.length = 0;",
      promise: "work under a lease leaves an alarm at the lease's end",
    },
    {
      id: "no-alarm-for-open-work",
      find: "if (work.partition.paused === null) times.push(...workableAt(work, waiting));",
      replace: "",
      promise: "open work leaves an alarm no later than its due time",
    },
  ]),
  ...faultsIn("core", "src/core/partition/operate.ts", [
    {
      id: "replay-keeps-the-run",
      find: "run: again ? record.run + 1 : record.run,",
      replace: "run: record.run,",
      promise: "replaying delivered work is a new run with new idempotency keys",
    },
    {
      id: "replay-forgets-deliveries",
      find: "deliveries: again ? [] : record.deliveries,",
      replace: "deliveries: [],",
      promise: "replaying a dead letter delivers only what is left",
    },
    {
      id: "replay-jumps-the-queue",
      find: "const order = tailOrder(record.envelope, nowMs, work.highestOrder);",
      replace: "const { order } = record;",
      promise: "what re-enters does so at the tail",
    },
    {
      id: "decide-a-review-twice",
      find: `record.state === "review" && record.run === command.run`,
      replace: "record.run === command.run",
      promise: "a review is decided once",
    },
    {
      id: "skip-behind-the-drivers-back",
      find: "    dropEntry(work, ended);\n",
      replace: "",
      promise: "a driver hears that its event was skipped",
    },
  ]),
  ...faultsIn("core", "src/core/retry.ts", [
    {
      id: "retry-delay-uncapped",
      find: "Math.min(base * (1 + policy.jitter * random), policy.maxDelayMs)",
      replace: "base * (1 + policy.jitter * random)",
      promise: "no delay is longer than the policy's cap",
    },
    {
      id: "no-jitter",
      find: "(1 + policy.jitter * random)",
      replace: "1",
      promise: "callers that failed together come back apart",
    },
  ]),
];
