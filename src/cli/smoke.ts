/** `sluice smoke`: whether a deployed gateway answers as it must, for a person or for a pipeline that then rolls back. */
import { smoke } from "./setup/smoke-checks.ts";

const MARK = { ok: "✓", failed: "✗", skipped: "–" } as const;

/** @returns the exit code: 1 when a check failed */
export async function runSmoke(url: string, token: string | undefined): Promise<number> {
  const results = await smoke({ url, token: token ?? process.env["SLUICE_API_TOKEN"] ?? null, fetch });
  for (const { what, outcome, detail } of results) console.log(`${MARK[outcome]} ${what}: ${detail}`);
  return results.some((result) => result.outcome === "failed") ? 1 : 0;
}
