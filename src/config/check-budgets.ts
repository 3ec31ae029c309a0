/** Budgets by scope, checked: what cannot be counted cannot be kept within. */
import type { Budget, Budgets } from "./budget.ts";
import { ConfigError } from "./config-error.ts";
import type { GatewayOptions } from "./gateway-options.ts";
import type { Pipeline } from "./define-pipeline.ts";

export function collectBudgets(
  options: GatewayOptions,
  pipelines: ReadonlyMap<string, Pipeline<never>>,
): Budgets {
  const budgets = new Map<string, Budget>();
  const add = (scope: string, key: string, budget: Budget, models: readonly string[]) => {
    checkBudget(`${key}.budget`, budget, models, options);
    budgets.set(scope, budget);
  };
  for (const [name, { budget }] of Object.entries(options.models)) {
    if (budget !== undefined) add(`model:${name}`, `models.${name}`, budget, [name]);
  }
  for (const { name, budget, model, fallbackModels = [] } of pipelines.values()) {
    if (budget === undefined) continue;
    add(
      `pipeline:${name}`,
      `pipelines.${name}`,
      budget,
      model === undefined ? [] : [model, ...fallbackModels],
    );
  }
  const used = [...pipelines.values()].flatMap(({ model, fallbackModels = [] }) =>
    model === undefined ? [] : [model, ...fallbackModels],
  );
  for (const [space, budget] of Object.entries(options.spaceBudgets ?? {})) {
    checkSpace(space, options);
    add(`space:${space}`, `spaceBudgets.${space}`, budget, used);
  }
  return budgets;
}

function checkBudget(key: string, budget: Budget, models: readonly string[], options: GatewayOptions): void {
  const { perDayUsd } = budget;
  if (!Number.isFinite(perDayUsd) || perDayUsd <= 0) {
    throw new ConfigError(`${key}.perDayUsd`, `${perDayUsd} is no amount`, "Use US dollars above 0");
  }
  if (budget.on === "downgrade" && !(budget.downgradeTo in options.models)) {
    throw new ConfigError(
      `${key}.downgradeTo`,
      `no model is called "${budget.downgradeTo}"`,
      `Use one of: ${Object.keys(options.models).join(", ")}`,
    );
  }
  for (const model of models) {
    const definition = options.models[model];
    if (definition === undefined || definition.price !== undefined) continue;
    throw new ConfigError(
      key,
      `the model "${model}" has no price, so nothing it does could be counted`,
      `Set models.${model}'s price: { inputPerMillion, outputPerMillion }, in US dollars`,
    );
  }
}

function checkSpace(space: string, { sources }: GatewayOptions): void {
  const known = Object.entries(sources).map(([name, source]) => source.space ?? name);
  if (known.includes(space)) return;
  throw new ConfigError(
    `spaceBudgets.${space}`,
    "no source has this space",
    `Use one of: ${[...new Set(known)].join(", ")}`,
  );
}
