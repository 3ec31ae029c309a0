/** What a model, a pipeline or a space of customers may cost a day, and what happens beyond it. */

export type Budget =
  /** Events wait until the next day (UTC), or until the budget is raised. */
  | { readonly perDayUsd: number; readonly on: "stop" }
  /** Another of the gateway's `models` is asked instead. It has a budget of its own, or none. */
  | { readonly perDayUsd: number; readonly on: "downgrade"; readonly downgradeTo: string };

/** By scope: `model:fast`, `pipeline:triage`, `space:stripe`. */
export type Budgets = ReadonlyMap<string, Budget>;
