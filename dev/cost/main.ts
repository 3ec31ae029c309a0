/** `npm run cost`: prints the tables of docs/cost.md, from counted operations and list prices. */
import { commandLine } from "../lib/command-line.ts";
import { PRICES_AS_OF } from "./prices.ts";
import { fixedPerMonth, operationsTable, priceTable, streamTable } from "./table.ts";

const USAGE = `npm run cost
  No options: it prints the tables of docs/cost.md.`;

commandLine(USAGE, {});
console.log(`List prices of ${PRICES_AS_OF}, beyond what the plan includes; models are not in it.\n`);
console.log(priceTable());
console.log(`\nWithout any event: $${fixedPerMonth().toFixed(2)} a month for the cron.\n`);
console.log(operationsTable());
console.log(`\n${streamTable()}`);
