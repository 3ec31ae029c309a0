import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { CATALOGUE } from "../../dev/senders/catalogue.ts";
import { sendersTable } from "../../dev/senders/table.ts";

const DOCUMENT = readFileSync("docs/senders.md", "utf8");

/** Cells without the padding that a formatter may give them. */
function rowsOf(text: string): readonly string[] {
  const rows = text.split("\n").filter((line) => line.startsWith("|") && !/^\|[\s|:-]+\|$/.test(line));
  return rows.map((row) => row.replaceAll(/\s*\|\s*/g, "|"));
}

it("docs/senders.md says of every sender what the front door runs on", () => {
  const documented = rowsOf(DOCUMENT);
  for (const row of rowsOf(sendersTable())) expect(documented).toContain(row);
});

it("every sender names its documentation", () => {
  for (const { name, verify } of CATALOGUE) {
    expect(URL.canParse(verify.scheme.notes?.documentation ?? ""), name).toBe(true);
  }
});
