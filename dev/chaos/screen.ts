/** What a chaos run prints: progress while it runs, then its ledger. */
import type { Ledger } from "./judge.ts";
import type { SenderCounts } from "./sender.ts";

export function printLedger(title: string, sent: SenderCounts, ledger: Ledger): void {
  const { calls, recoveryMs } = ledger;
  const rows: readonly (readonly [string, string | number, string])[] = [
    ["sent", sent.events, `${sent.requests} requests: again until answered 2xx, never after`],
    ["acknowledged", ledger.acknowledged, "answered 2xx"],
    ["delivered", ledger.delivered, "with an effect at the sink"],
    ["dead", ledger.dead, "listed as dead letters"],
    ["ended otherwise", ledger.endedOtherwise, "in review, filtered or expired; listed"],
    ["lost", ledger.lost.length, "acknowledged, and neither delivered nor listed: must be 0"],
    ["repeats, same key", ledger.sameKey, "between the effect and its record a kill fell"],
    ["… after a time-out", ledger.sameKeyAfterSetback, "no kill, but a try that the gateway noted as failed"],
    ["… for no reason", ledger.sameKeyUnexplained.length, "must be 0"],
    ["repeats, other key", ledger.differentKey.length, "must be 0"],
    ["out of order, marked", ledger.outOfOrderMarked, "late and said so: best-effort order only"],
    ["out of order", ledger.outOfOrderUnmarked.length, "unmarked: must be 0"],
    ["model calls", calls.calls, `for ${calls.prompts} prompts`],
    ["… after a kill", calls.afterKill, "asked again: the answer was not stored yet"],
    ["… after a time-out", calls.afterSetback, "no kill, but a try that the gateway noted as failed"],
    ["… for no reason", calls.unexplained.length, "must be 0"],
    ["… stored already", calls.afterStored.length, "asked again, the output being stored: must be 0"],
    ["kills", ledger.kills, "SIGKILL to the whole runtime"],
    ["starts", ledger.starts, "over the same storage"],
    [
      "recovery",
      `${percentile(recoveryMs, 0.5)} / ${recoveryMs.at(-1) ?? 0} ms`,
      `restart to first new effect, p50 / max of ${recoveryMs.length}`,
    ],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  const valueWidth = Math.max(...rows.map(([, value]) => String(value).length));
  console.log(`\n  ${title}\n`);
  for (const [name, value, meaning] of rows) {
    console.log(`  ${name.padEnd(width)}  ${String(value).padStart(valueWidth)}  ${meaning}`);
  }
  printProblems(ledger);
}

function printProblems(ledger: Ledger): void {
  const problems: readonly (readonly [string, readonly string[]])[] = [
    ["lost", ledger.lost],
    ["repeat for no reason", ledger.sameKeyUnexplained],
    ["repeat with another key", ledger.differentKey],
    ["out of order", ledger.outOfOrderUnmarked],
    ["model asked again", ledger.calls.unexplained],
    ["model asked for what was stored", ledger.calls.afterStored],
  ];
  for (const [name, list] of problems) {
    for (const one of list.slice(0, 10)) console.log(`  ${name}: ${one}`);
    if (list.length > 10) console.log(`  … and ${list.length - 10} more`);
  }
  if (ledger.badSignatures > 0) console.log(`  deliveries with a bad signature: ${ledger.badSignatures}`);
}

function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}
