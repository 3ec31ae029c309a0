import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { CONFIGURATIONS, operationsOf } from "../../dev/cost/operations.ts";
import { PRICES } from "../../dev/cost/prices.ts";
import { billOf, fixedPerMonth, operationsTable, priceTable, streamTable } from "../../dev/cost/table.ts";

const page = readFileSync("docs/cost.md", "utf8");

describe("the price", () => {
  const of = (name: string) => {
    const configuration = CONFIGURATIONS.find((candidate) => candidate.name === name);
    if (configuration === undefined) throw new Error(`no configuration is called ${name}`);
    return billOf(operationsOf(configuration)).total;
  };

  it("per million events is within the budget, with the ledger on exceptions", () => {
    expect(of("1 a second, ledger on exceptions")).toBeLessThanOrEqual(9);
    // The look-up of repeats is what comes on top of $7.
    expect(of("20 a second, ledger on exceptions")).toBeLessThanOrEqual(7 + PRICES.kvRead);
    expect(of('20 a second, `idempotency: "off"`')).toBeLessThanOrEqual(7);
  });

  it("on the page is what the script prints", () => {
    const words = (text: string) => text.replaceAll(/[ -]+/g, " ");
    expect(words(page)).toContain(words(priceTable()));
    expect(words(page)).toContain(words(operationsTable()));
    expect(words(page)).toContain(words(streamTable()));
    expect(page).toContain(`$${fixedPerMonth().toFixed(2)} a month`);
  });
});
