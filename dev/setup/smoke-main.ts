/**
 * `npm run smoke -- --url https://sluice.example.workers.dev [--token T]`: whether a deployed gateway answers as it must.
 * Ends with a code of 1 when it does not, for a pipeline that then rolls back.
 */
import { parseArgs } from "node:util";
import { smoke } from "./smoke.ts";

const MARK = { ok: "✓", failed: "✗", skipped: "–" } as const;

const { values } = parseArgs({ options: { url: { type: "string" }, token: { type: "string" } } });
if (values.url === undefined || !URL.canParse(values.url)) {
  console.error("Say where: --url https://sluice.example.workers.dev");
  process.exitCode = 2;
} else {
  const token = values.token ?? process.env["SLUICE_API_TOKEN"] ?? null;
  const results = await smoke({ url: values.url, token, fetch });
  for (const { what, outcome, detail } of results) console.log(`${MARK[outcome]} ${what}: ${detail}`);
  process.exitCode = results.some((result) => result.outcome === "failed") ? 1 : 0;
}
