/** Faults in the guard: rates, slots, blocks, breaker, shards, budgets. */
import { faultsIn, type NamedMutant } from "./fault.ts";

export const GUARD_FAULTS: readonly NamedMutant[] = [
  ...faultsIn("guard", "src/core/guard/machine.ts", [
    {
      id: "tokens-not-reserved",
      find: "const cost = { requests: count, tokens: tokens * count };",
      replace: "const cost = { requests: count, tokens: 0 };",
      promise: "tokens are reserved in the step that grants, not counted afterwards",
    },
    {
      id: "block-counts-too-early",
      find: "const countsAtMs = useByMs ?? nowMs;",
      replace: "const countsAtMs = nowMs;",
      promise: "a call under a block counts until a minute after it may have begun",
    },
    {
      id: "settled-slot-kept",
      find: "permits: current.permits.filter((other) => other !== permit),",
      replace: "permits: current.permits,",
      promise: "a settlement frees its slot, once",
    },
    {
      id: "renewal-shortens",
      find: "expiresAtMs: Math.max(permit.expiresAtMs, untilMs)",
      replace: "expiresAtMs: untilMs",
      promise: "a renewal never shortens a lease",
    },
  ]),
  ...faultsIn("guard", "src/core/guard/slots.ts", [
    {
      id: "dead-callers-keep-slots",
      find: "permits.filter((permit) => permit.expiresAtMs > nowMs)",
      replace: "permits",
      promise: "the slot of a caller that died is free again",
    },
  ]),
  ...faultsIn("guard", "src/core/guard/rate.ts", [
    {
      id: "window-forgets-early",
      find: "return bucket.startMs + countedMs(settings);",
      replace: "return bucket.startMs + settings.windowMs;",
      promise: "no minute has more calls than the limit",
    },
    {
      id: "nothing-spread",
      find: "return Math.min(spreadMs, evenMs * settings.maxStretch);",
      replace: "return evenMs;",
      promise: "a busy guard never stands still for want of what a burst has taken",
    },
  ]),
  ...faultsIn("guard", "src/core/guard/breaker.ts", [
    {
      id: "second-probe",
      find: 'case "half-open":\n      return { kind: "blocked", atMs: null };',
      replace: 'case "half-open":\n      return { kind: "pass" };',
      promise: "exactly one probe",
    },
  ]),
  ...faultsIn("guard", "src/core/guard/durability.ts", [
    {
      id: "lost-grants-forgotten",
      find: "      ...lostPermits(stored, finite(lost.slots), lostAtMs, settings),\n",
      replace: "",
      promise: "a restart creates no capacity",
    },
  ]),
  ...faultsIn("guard", "src/guard/shards.ts", [
    {
      id: "every-shard-has-the-whole",
      find: "Math.floor(limit / shards) + (shard < limit % shards ? 1 : 0)",
      replace: "limit",
      promise: "the shards of a limit together grant no more than the limit",
    },
  ]),
  ...faultsIn("guard", "src/guard/permit-pool.ts", [
    {
      id: "old-permit-used",
      find: "const useByMs = askedAtMs + LIMITS.guard.blockHoldMs;",
      replace: "const useByMs = nowMs() + LIMITS.guard.blockHoldMs;",
      promise: "a call begins under a block only while the guard reckons with it",
    },
  ]),
  ...faultsIn("guard", "src/core/budget.ts", [
    {
      id: "yesterday-counts-today",
      find: "spending.dayStartMs === startMs ? addSpending(today, spending) : today",
      replace: "addSpending(today, spending)",
      promise: "a day's sum is what was spent on that day",
    },
  ]),
];
