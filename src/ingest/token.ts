/**
 * Requests that are proven by a JSON Web Token (https://www.rfc-editor.org/rfc/rfc8725): its algorithm, its issuer and
 * where its key is fetched are the scheme's word. The token's own header decides nothing but which of those keys it is.
 */
import { decodeProtectedHeader } from "jose/decode/protected_header";
import type { JWTPayload } from "jose";
import { jwtVerify } from "jose/jwt/verify";
import { LIMITS } from "../config/limits.ts";
import { err, ok, type Result } from "../core/result.ts";
import { sha256Hex } from "./encodings.ts";
import { isSameSecret } from "./fixed-time.ts";
import { readPresented } from "./layouts.ts";
import { publishedKey } from "./published-keys.ts";
import type { SignatureScheme, TokenFacts } from "./scheme.ts";
import type { Bytes } from "./signed-content.ts";
import { refused, type RefusalReason, type VerifiedFacts, type VerifyFailure } from "./verify-failure.ts";

interface TokenInput {
  readonly scheme: SignatureScheme;
  readonly token: TokenFacts;
  /** Google: the e-mail addresses that may send. Plaid: the secrets that its keys are asked for with. */
  readonly secrets: readonly string[];
  readonly clientId: string | undefined;
  readonly headers: Headers;
  readonly body: Bytes;
  readonly nowMs: number;
  readonly fetch: typeof fetch | undefined;
}

/** https://www.rfc-editor.org/rfc/rfc7515#section-4.1.4 : any text; those that are used are short and plain. */
const KEY_ID = /^[\w.:+/=-]{1,128}$/;

/** Freshness is for the caller to judge. `id` is the token's digest: a new token is a new request. */
export async function verifyToken(input: TokenInput): Promise<Result<VerifiedFacts, VerifyFailure>> {
  const { scheme, token, secrets, clientId, body, nowMs } = input;
  const presented = readPresented(scheme, input.headers, null);
  if (!presented.ok) return err(refused(presented.error));
  const text = presented.value.signatures[0]?.text ?? "";
  const keyId = keyIdOf(text, token);
  if (!keyId.ok) return err(refused(keyId.error));
  const access = { fetch: input.fetch ?? fetch, nowMs, credentials: { clientId, secrets } };
  const key = await publishedKey(token.keys, token.algorithm, keyId.value, access);
  if (!key.ok) return key;
  const claims = await claimsOf(text, token, key.value, nowMs);
  if (!claims.ok) return err(refused(claims.error));
  const { iat } = claims.value;
  if (iat === undefined) return err(refused("timestamp_missing"));
  const fault = await claimFault(claims.value, token, secrets, body);
  if (fault !== null) return err(refused(fault));
  const id = await sha256Hex(Uint8Array.from(new TextEncoder().encode(text)));
  return ok({ timestampMs: iat * 1_000, id, malformedSecrets: 0 });
}

/** The algorithm is compared before a key is looked for, so that none of another kind is ever used. */
function keyIdOf(text: string, { algorithm }: TokenFacts): Result<string, RefusalReason> {
  try {
    const { alg, kid } = decodeProtectedHeader(text);
    if (alg !== algorithm) return err("token_refused");
    return typeof kid === "string" && KEY_ID.test(kid) ? ok(kid) : err("token_refused");
  } catch {
    return err("token_malformed");
  }
}

async function claimsOf(
  text: string,
  { algorithm, issuers, audience, hasExpiry }: TokenFacts,
  key: CryptoKey,
  nowMs: number,
): Promise<Result<JWTPayload, RefusalReason>> {
  try {
    const { payload } = await jwtVerify(text, key, {
      algorithms: [algorithm],
      currentDate: new Date(nowMs),
      clockTolerance: LIMITS.ingest.tokenClockSkewMs / 1_000,
      requiredClaims: hasExpiry ? ["iat", "exp"] : ["iat"],
      ...(issuers === undefined ? {} : { issuer: [...issuers] }),
      ...(audience === undefined ? {} : { audience }),
    });
    return ok(payload);
  } catch (thrown) {
    return err(reasonOfThrown(thrown));
  }
}

/** https://github.com/panva/jose/blob/main/docs/util/errors/README.md */
function reasonOfThrown(thrown: unknown): RefusalReason {
  const code = thrown instanceof Error && "code" in thrown ? thrown.code : null;
  switch (code) {
    case "ERR_JWT_EXPIRED":
      return "timestamp_too_old";
    case "ERR_JWT_CLAIM_VALIDATION_FAILED":
      return "token_refused";
    case "ERR_JWS_SIGNATURE_VERIFICATION_FAILED":
      return "signature_mismatch";
    default:
      return "token_malformed";
  }
}

async function claimFault(
  claims: JWTPayload,
  { sender, bodyDigestClaim }: TokenFacts,
  secrets: readonly string[],
  body: Bytes,
): Promise<RefusalReason | null> {
  if (sender === "email") {
    const email = claims["email_verified"] === true ? claims["email"] : null;
    if (typeof email !== "string") return "token_refused";
    let isOurs = false;
    for (const secret of secrets) isOurs = (await isSameSecret(secret, email)) || isOurs;
    if (!isOurs) return "token_refused";
  }
  if (bodyDigestClaim === undefined) return null;
  const digest = claims[bodyDigestClaim];
  const isSame = typeof digest === "string" && (await isSameSecret(digest, await sha256Hex(body)));
  return isSame ? null : "body_digest_mismatch";
}
