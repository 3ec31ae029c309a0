/** The shadow demo's report as tables. */
import type { ShadowReplay, Totals } from "./operator-client.ts";

const MAX_FIELDS = 14;
const MAX_EXAMPLES = 4;

export function printReport({ report, progress }: ShadowReplay): void {
  const { compared, changed, notCompared } = report;
  console.log(`\n  ${compared} events compared, ${progress.failed} out of reach`);
  for (const { why, events } of notCompared) console.log(`    not compared: ${events} (${why})`);
  console.log("\n  Agreement per field                      same     mean apart   at most");
  for (const field of report.fields.slice(0, MAX_FIELDS)) {
    const apart = [field.meanDifference, field.largestDifference].map((number) =>
      number === null ? "" : number.toFixed(3),
    );
    console.log(
      `    ${field.path.padEnd(34)} ${percent(field.agreement)} ${(apart[0] ?? "").padStart(12)} ${(apart[1] ?? "").padStart(9)}`,
    );
  }
  console.log(`\n  Changed decisions: ${changed.events} of ${compared} (${percent(changed.share).trim()})`);
  for (const { change, events } of report.transitions)
    console.log(`    ${String(events).padStart(5)}  ${change}`);
  console.log(
    "\n  Cost and latency                    calls  cached   tokens in   out    price µ$   p50 ms   p95 ms",
  );
  printTotals("stored", report.before);
  printTotals("shadow", report.after);
}

export function printExamples({ report }: ShadowReplay, texts: ReadonlyMap<string, string>): void {
  console.log("\n  Examples");
  for (const { id, changes } of report.examples.slice(0, MAX_EXAMPLES)) {
    const told = changes.map(
      ({ path, before, after }) => `${path} ${JSON.stringify(before)} → ${JSON.stringify(after)}`,
    );
    console.log(`    ${id}\n      ${told.join(", ")}\n      ${texts.get(id) ?? ""}`);
  }
}

export function exampleIds({ report }: ShadowReplay): readonly string[] {
  return report.examples.slice(0, MAX_EXAMPLES).map(({ id }) => id);
}

function printTotals(name: string, totals: Totals): void {
  const numbers = [
    totals.calls,
    totals.cached,
    totals.inputTokens,
    totals.outputTokens,
    totals.costMicros === null ? "–" : Math.round(totals.costMicros),
    totals.p50Ms === null ? "–" : Math.round(totals.p50Ms),
    totals.p95Ms === null ? "–" : Math.round(totals.p95Ms),
  ];
  console.log(`    ${name.padEnd(28)} ${numbers.map((number) => String(number).padStart(8)).join(" ")}`);
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`.padStart(8);
}
