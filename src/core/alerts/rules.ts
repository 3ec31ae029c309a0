/** What is watched, and when it is worth a notice. Data; the table is in docs/spec/alerts.md. */

export type RuleName =
  | "error-rate"
  | "depth"
  | "model-latency"
  | "oldest-event"
  | "dead-letters"
  | "review-backlog"
  | "review-age"
  | "paused-partition"
  | "breaker-open"
  | "ledger-filling"
  | "ledger-nearly-full"
  | "ledger-unavailable";

export type Limit =
  /** Above a number. */
  | { readonly kind: "fixed"; readonly above: number; readonly clearAt: number }
  /** Above what is usual, times the margin. A reading may bring a floor of its own. */
  | { readonly kind: "baseline"; readonly floor: number; readonly margin: number };

export interface Rule {
  readonly title: string;
  readonly unit: "share" | "count" | "seconds" | "state";
  readonly limit: Limit;
  /** Minutes in a row. */
  readonly openAfter: number;
  readonly clearAfter: number;
}

export type Rules = Readonly<Record<RuleName, Rule>>;

/** Of the limit at which an incident opened: what the value must come down to. */
export const CLEAR_SHARE = 0.7;

const CLEAR_AFTER = 5;

function fixed(above: number, clearAt: number = above * CLEAR_SHARE): Limit {
  return { kind: "fixed", above, clearAt };
}

export const DEFAULT_RULES: Rules = {
  "error-rate": {
    title: "Error rate",
    unit: "share",
    limit: { kind: "baseline", floor: 0.05, margin: 2 },
    openAfter: 3,
    clearAfter: CLEAR_AFTER,
  },
  depth: {
    title: "Depth",
    unit: "count",
    limit: { kind: "baseline", floor: 500, margin: 3 },
    openAfter: 3,
    clearAfter: CLEAR_AFTER,
  },
  "model-latency": {
    title: "Model latency (95th percentile)",
    unit: "seconds",
    limit: { kind: "baseline", floor: 2, margin: 2 },
    openAfter: 3,
    clearAfter: CLEAR_AFTER,
  },
  "oldest-event": {
    title: "Oldest undelivered event",
    unit: "seconds",
    limit: fixed(900),
    openAfter: 3,
    clearAfter: CLEAR_AFTER,
  },
  "dead-letters": {
    title: "Dead letters",
    unit: "count",
    limit: fixed(10),
    openAfter: 1,
    clearAfter: CLEAR_AFTER,
  },
  "review-backlog": {
    title: "Review backlog",
    unit: "count",
    limit: fixed(50),
    openAfter: 1,
    clearAfter: CLEAR_AFTER,
  },
  "review-age": {
    title: "Oldest review",
    unit: "seconds",
    limit: fixed(86_400),
    openAfter: 1,
    clearAfter: CLEAR_AFTER,
  },
  "paused-partition": {
    title: "Paused partition",
    unit: "state",
    limit: fixed(0, 0),
    openAfter: 2,
    clearAfter: CLEAR_AFTER,
  },
  "breaker-open": {
    title: "Breaker open",
    unit: "state",
    limit: fixed(0, 0),
    openAfter: 1,
    clearAfter: CLEAR_AFTER,
  },
  // Of the 10 GB that D1 takes: weeks before, and days before.
  "ledger-filling": {
    title: "Ledger fills up",
    unit: "share",
    limit: fixed(0.7, 0.65),
    openAfter: 1,
    clearAfter: CLEAR_AFTER,
  },
  "ledger-nearly-full": {
    title: "Ledger nearly full",
    unit: "share",
    limit: fixed(0.9, 0.85),
    openAfter: 1,
    clearAfter: CLEAR_AFTER,
  },
  "ledger-unavailable": {
    title: "Ledger cannot be read or written: of other alerts only open breakers are told",
    unit: "state",
    limit: fixed(0, 0),
    openAfter: 2,
    clearAfter: 2,
  },
};

/** What a config may change of them. */
export interface RuleChanges {
  /** `false`: not watched. For `error-rate`, `depth` and `model-latency` the number is the floor. */
  readonly above?: Partial<Readonly<Record<RuleName, number | false>>>;
  readonly margin?: Partial<Readonly<Record<"error-rate" | "depth" | "model-latency", number>>>;
}

export function rulesOf(changes: RuleChanges): Partial<Rules> {
  const rules: Partial<Record<RuleName, Rule>> = {};
  for (const [name, rule] of Object.entries(DEFAULT_RULES)) {
    if (!isRuleName(name)) continue;
    const above = changes.above?.[name];
    if (above === false) continue;
    rules[name] = { ...rule, limit: changedLimit(rule.limit, above, marginOf(changes, name)) };
  }
  return rules;
}

export function isRuleName(name: string): name is RuleName {
  return Object.hasOwn(DEFAULT_RULES, name);
}

function marginOf({ margin }: RuleChanges, name: RuleName): number | undefined {
  if (name !== "error-rate" && name !== "depth" && name !== "model-latency") return undefined;
  return margin?.[name];
}

function changedLimit(limit: Limit, above: number | undefined, margin: number | undefined): Limit {
  if (limit.kind === "fixed") return above === undefined ? limit : fixed(above);
  return { kind: "baseline", floor: above ?? limit.floor, margin: margin ?? limit.margin };
}
