/** What the demo prints: progress while it runs, then a table. */
import type { Judgement } from "./judge.ts";

const isTerminal = process.stdout.isTTY;

/** One line that is rewritten in a terminal; elsewhere a line now and then. */
export function createProgress(intervalMs = 2_000) {
  let lastAtMs = 0;
  return {
    show(text: string): void {
      if (isTerminal) {
        process.stdout.write(`\r\u001b[K  ${text}`);
        return;
      }
      if (Date.now() - lastAtMs < intervalMs) return;
      lastAtMs = Date.now();
      console.log(`  ${text}`);
    },
    end(text: string): void {
      if (isTerminal) process.stdout.write("\r\u001b[K");
      console.log(`  ${text}`);
    },
  };
}

export function printJudgement(judgement: Judgement): void {
  const rows: [string, string | number, string][] = [
    ["accepted", judgement.accepted, "answered 200, durable"],
    ["duplicates sent", judgement.duplicates, "the same delivery again; one effect each"],
    ["refused", judgement.refused, "one forged (401), one that is not JSON (400)"],
    ["delivered", judgement.delivered, "with an effect at the sink"],
    ["dead", judgement.dead, "one the model refuses for good, one that breaks its schema"],
    ["unrouted", judgement.unrouted, "recorded; no route wants them"],
    ["missing", judgement.missing.length, "accepted, but without an effect: must be 0"],
    ["repeated", judgement.repeated.length, "more than one effect: must be 0"],
    ["out of order", judgement.outOfOrder.length, "within one customer: must be 0"],
    ["late, marked", judgement.late, "best-effort sources only, marked as late"],
    ["accept → delivered", `${judgement.p50Ms} ms / ${judgement.p95Ms} ms`, "p50 / p95"],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  const valueWidth = Math.max(...rows.map(([, value]) => String(value).length));
  console.log("");
  for (const [name, value, meaning] of rows) {
    console.log(`  ${name.padEnd(width)}  ${String(value).padStart(valueWidth)}  ${meaning}`);
  }
}

export function printProblems(judgement: Judgement): void {
  const problems: [string, readonly string[]][] = [
    ["missing", judgement.missing],
    ["repeated", judgement.repeated],
    ["out of order", judgement.outOfOrder],
    ["wrong answer", judgement.wrongAnswers],
  ];
  for (const [name, list] of problems) {
    for (const one of list.slice(0, 5)) console.log(`  ${name}: ${one}`);
    if (list.length > 5) console.log(`  … and ${list.length - 5} more`);
  }
  if (judgement.badSignatures > 0)
    console.log(`  deliveries with a bad signature: ${judgement.badSignatures}`);
}
