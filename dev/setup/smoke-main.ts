/**
 * `npm run smoke -- --url https://sluice.example.workers.dev [--token T]`: whether a deployed gateway answers as it must.
 * Ends with a code of 1 when it does not, for a pipeline that then rolls back.
 */
import { commandLine } from "../lib/command-line.ts";
import { smoke } from "./smoke.ts";

const MARK = { ok: "✓", failed: "✗", skipped: "–" } as const;

const USAGE = `npm run smoke -- --url URL [options]
  --url URL            where: https://sluice.example.workers.dev
  --token TOKEN        default: SLUICE_API_TOKEN; what needs one is left out when there is none`;

const command = commandLine(USAGE, { options: { url: { type: "string" }, token: { type: "string" } } });
const { values } = command;
const url = command.url(
  "--url",
  values.url ?? command.refuse("Say where: --url https://sluice.example.workers.dev"),
);
const token = values.token ?? process.env["SLUICE_API_TOKEN"] ?? null;
const results = await smoke({ url, token, fetch });
for (const { what, outcome, detail } of results) console.log(`${MARK[outcome]} ${what}: ${detail}`);
process.exitCode = results.some((result) => result.outcome === "failed") ? 1 : 0;
