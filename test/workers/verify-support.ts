/** The engine on its own, for tests of what it accepts: no gateway around it. */
import type { Verification } from "../../src/ingest/scheme.ts";
import { verifyRequest, type VerifyInput } from "../../src/ingest/verify.ts";
import { bytesOf, NOW_MS, SECRET } from "./ingest-support.ts";

export const BODY = '{"id":"evt_1","type":"charge.succeeded"}';
export const ANY = ["ANY"];

export function run(
  verification: Verification,
  headers: Readonly<Record<string, string>>,
  options: Partial<Omit<VerifyInput, "body" | "headers">> & { readonly body?: string } = {},
) {
  const { body = BODY, ...rest } = options;
  return verifyRequest({
    verification,
    secrets: [SECRET],
    headers: new Headers(headers),
    method: "POST",
    url: "https://sluice.test/in/any?x=1",
    body: bytesOf(body),
    nowMs: NOW_MS,
    ...rest,
  });
}

export const refusedFor = (reason: string) => ({ ok: false, error: { kind: "refused", reason } });
export const misconfigured = { ok: false, error: { kind: "misconfigured", reason: "secret_malformed" } };
