import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { DEFAULT_RULES } from "../../src/core/alerts/rules.ts";
import { GAUGES, METRICS } from "../../src/core/metrics/catalogue.ts";

const page = readFileSync("docs/operations.md", "utf8");

describe("docs/operations.md", () => {
  it("has a runbook under the name that each alert's notice links to", () => {
    for (const rule of Object.keys(DEFAULT_RULES)) expect(page).toContain(`\n### ${rule}\n`);
  });

  it("names every metric, with its labels", () => {
    const words = page.replaceAll(/ +/g, " ");
    for (const [name, { kind, labels }] of Object.entries(METRICS)) {
      const listed = labels.length === 0 ? "–" : labels.join(", ");
      expect(words).toContain(`| \`${name}\` | ${kind} | ${listed} |`);
    }
    for (const name of Object.keys(GAUGES)) expect(words).toContain(`| \`${name}\` | gauge |`);
  });
});
