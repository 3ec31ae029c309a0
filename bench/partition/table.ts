/** One line per measure, its budget beside it. */

export interface Line {
  readonly what: string;
  readonly measured: string;
  /** "" where there is none. */
  readonly budget: string;
  readonly isOver: boolean;
  readonly note: string;
}

export function line(what: string, measured: string, note = ""): Line {
  return { what, measured, budget: "", isOver: false, note };
}

export function atMost(what: string, measured: number, budget: number, note = ""): Line {
  const isOver = measured > budget + ROUNDING;
  return { what, measured: measured.toFixed(2), budget: `≤ ${budget}`, isOver, note };
}

export function atLeast(what: string, measured: number, budget: number, note = ""): Line {
  return { what, measured: measured.toFixed(2), budget: `≥ ${budget}`, isOver: measured < budget, note };
}

const ROUNDING = 0.005;

export function printTable(title: string, lines: readonly Line[]): void {
  const width = (pick: (one: Line) => string) => Math.max(...lines.map((one) => pick(one).length));
  const whatWidth = width((one) => one.what);
  const measuredWidth = width((one) => one.measured);
  const budgetWidth = width((one) => one.budget);
  console.log(`\n  ${title}\n`);
  for (const { what, measured, budget, isOver, note } of lines) {
    const cells = [what.padEnd(whatWidth), measured.padStart(measuredWidth), budget.padEnd(budgetWidth)];
    console.log(`  ${cells.join("  ")}  ${isOver ? "OVER " : ""}${note}`.trimEnd());
  }
}
