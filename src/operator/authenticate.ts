/**
 * Bearer tokens of the operator API: those that were made through it (stored hashed, with scopes) and those from secrets (every
 * scope). Compared by digest, so that the time taken says nothing about the token.
 */
import { err, ok, type Result } from "../core/result.ts";
import type { Problem } from "../platform/problem.ts";
import { SCOPES, type Actor, type OperatorDependencies, type TokenRecord } from "./port.ts";
import { UNAUTHORIZED } from "./problems.ts";

const BEARER = /^Bearer ([\x21-\x7e]{1,512})$/;
const TOKEN = /^slu_([0-9a-f]{16})_[A-Za-z0-9_-]{43}$/;
const SECRET_BYTES = 32;
const ID_BYTES = 8;

/** Who a token from a secret is. */
export const BOOTSTRAP_ID = "bootstrap";

export interface NewToken {
  readonly id: string;
  /** Shown once. */
  readonly token: string;
  readonly hash: string;
}

export async function makeToken(
  randomBytes: OperatorDependencies["randomBytes"],
  id = hexOf(randomBytes(ID_BYTES)),
): Promise<NewToken> {
  const secret = btoa(String.fromCharCode(...randomBytes(SECRET_BYTES)))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
  const token = `slu_${id}_${secret}`;
  return { id, token, hash: await hashOf(token) };
}

export async function authenticate(
  deps: Pick<OperatorDependencies, "tokens" | "bootstrapTokens" | "nowMs">,
  authorization: string | undefined,
): Promise<Result<Actor, Problem>> {
  const presented = BEARER.exec(authorization ?? "")?.[1];
  if (presented === undefined) return err(UNAUTHORIZED);
  const hash = await hashOf(presented);
  let isBootstrap = false;
  for (const token of deps.bootstrapTokens()) {
    if (isSame(hash, await hashOf(token))) isBootstrap = true;
  }
  if (isBootstrap) return ok({ tokenId: BOOTSTRAP_ID, name: "bootstrap", scopes: SCOPES });
  const id = TOKEN.exec(presented)?.[1];
  if (id === undefined) return err(UNAUTHORIZED);
  const record = await deps.tokens.find(id);
  if (record === null || !isValid(record, hash, deps.nowMs())) return err(UNAUTHORIZED);
  return ok({ tokenId: record.id, name: record.name, scopes: record.scopes });
}

function isValid(record: TokenRecord, hash: string, nowMs: number): boolean {
  if (record.revokedAtMs !== null) return false;
  if (record.expiresAtMs !== null && nowMs >= record.expiresAtMs) return false;
  const { previousHash, previousUntilMs } = record;
  const isPrevious = previousHash !== null && nowMs < (previousUntilMs ?? 0) && isSame(hash, previousHash);
  return isSame(hash, record.hash) || isPrevious;
}

async function hashOf(text: string): Promise<string> {
  return hexOf(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text))));
}

function hexOf(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Takes as long whatever differs. */
function isSame(left: string, right: string): boolean {
  let difference = left.length ^ right.length;
  for (let index = 0; index < left.length; index++)
    difference |= left.charCodeAt(index) ^ right.charCodeAt(index);
  return difference === 0;
}
