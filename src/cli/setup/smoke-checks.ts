/**
 * What a deployed gateway must answer, from outside. Changes nothing, unless a sender's sample is asked for; that one is
 * followed to its end.
 */
import * as z from "zod";

export interface SmokeOptions {
  readonly url: string;
  /** null: what needs one is left out, and said to be. */
  readonly token: string | null;
  readonly fetch: typeof fetch;
}

export interface SmokeResult {
  readonly what: string;
  readonly outcome: "ok" | "failed" | "skipped";
  readonly detail: string;
}

const readinessSchema = z.object({
  status: z.string(),
  missing: z.array(z.object({ part: z.string(), binding: z.string(), effect: z.string() })),
  // A gateway of an older version does not tell.
  wrong: z.optional(
    z.array(z.object({ part: z.string(), binding: z.optional(z.string()), problem: z.string() })),
  ),
});

export async function smoke(options: SmokeOptions): Promise<SmokeResult[]> {
  const { token } = options;
  const authorization = token === null ? null : { authorization: `Bearer ${token}` };
  const withToken = (what: string, check: (headers: Record<string, string>) => Promise<SmokeResult>) =>
    authorization === null
      ? Promise.resolve({ what, outcome: "skipped", detail: "no --token" } as const)
      : check(authorization);
  return [
    await expectStatus(options, "is alive", "/healthz", {}, 200),
    await readiness(options),
    await expectStatus(
      options,
      "refuses an unknown source",
      "/in/no-such-source",
      { method: "POST", body: "{}" },
      404,
    ),
    await expectStatus(options, "keeps /metrics to itself", "/metrics", {}, 401),
    await expectStatus(options, "keeps the API to itself", "/v1/events/evt_x", {}, 401),
    await withToken("knows its token", (headers) =>
      expectStatus(options, "knows its token", "/v1/events/evt_x", { headers }, 400),
    ),
    await withToken("reads its ledger", (headers) =>
      expectStatus(options, "reads its ledger", "/metrics", { headers }, 200),
    ),
  ];
}

async function readiness(options: SmokeOptions): Promise<SmokeResult> {
  const what = "has what its config names";
  const answer = await get(options, "/readyz", {});
  if (typeof answer === "string") return { what, outcome: "failed", detail: answer };
  const report = readinessSchema.safeParse(await answer.json().catch(() => null));
  if (!report.success) return { what, outcome: "failed", detail: `an odd answer (${answer.status})` };
  if (report.data.status === "ready") return { what, outcome: "ok", detail: "ready" };
  const missing = report.data.missing.map(({ part, binding, effect }) => `${binding} for ${part}: ${effect}`);
  const wrong = (report.data.wrong ?? []).map(
    ({ part, binding, problem }) => `${binding ?? part} ${problem}`,
  );
  return { what, outcome: "failed", detail: [...wrong, ...missing].join("; ") };
}

async function expectStatus(
  options: SmokeOptions,
  what: string,
  path: string,
  init: SmokeRequest,
  status: number,
): Promise<SmokeResult> {
  const answer = await get(options, path, init);
  if (typeof answer === "string") return { what, outcome: "failed", detail: answer };
  const isRight = answer.status === status;
  const detail = isRight ? `${path} ${status}` : `${path} answered ${answer.status}, not ${status}`;
  return { what, outcome: isRight ? "ok" : "failed", detail };
}

interface SmokeRequest {
  readonly method?: string;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** @returns why nobody answered */
async function get(
  { url, fetch }: SmokeOptions,
  path: string,
  init: SmokeRequest,
): Promise<Response | string> {
  try {
    const headers = { "content-type": "application/json", ...init.headers };
    const signal = AbortSignal.timeout(ANSWER_WITHIN_MS);
    return await fetch(new URL(path, url), { ...init, headers, signal, redirect: "manual" });
  } catch (thrown) {
    const cause = thrown instanceof Error ? (thrown.cause ?? thrown) : thrown;
    return `nobody answers at ${url} (${String(cause)})`;
  }
}

const ANSWER_WITHIN_MS = 10_000;
