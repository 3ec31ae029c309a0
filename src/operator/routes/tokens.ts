/**
 * Tokens of this API. A token makes, rotates and revokes none that may do more than itself, and makes none that lives longer.
 * The secret of another's token is never handed out: a token rotates itself and those that it made; one from a secret, all.
 */
import * as z from "zod";
import { DAY_MS, LIMITS, SECOND_MS } from "../../config/limits.ts";
import { err, ok, type Result } from "../../core/result.ts";
import type { Problem } from "../../platform/problem.ts";
import { BOOTSTRAP_ID, makeToken } from "../authenticate.ts";
import type { Actor, OperatorDependencies, Scope, TokenRecord } from "../port.ts";
import { conflict, notFound, UNAUTHORIZED } from "../problems.ts";
import { defineRoute, type Route } from "../route.ts";
import { APPLIED, appliedSchema, scopeSchema } from "../schemas.ts";

const MAX_DAYS = 3_650;

const tokenParams = z.object({ id: z.string().regex(/^[0-9a-f]{16}$/, "is not a token's id") });

const tokenSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    scopes: z.array(scopeSchema),
    createdAtMs: z.int(),
    createdBy: z.string(),
    parentId: z.nullable(z.string()).meta({ description: "The token that made it; it ends with that one" }),
    expiresAtMs: z.nullable(z.int()),
    revokedAtMs: z.nullable(z.int()),
    previousUntilMs: z
      .nullable(z.int())
      .meta({ description: "Until then the secret before the rotation is valid" }),
  })
  .meta({ id: "Token" });

const newTokenSchema = z
  .object({ id: z.string(), token: z.string().meta({ description: "Shown this once" }) })
  .meta({ id: "NewToken" });

export const tokenRoutes: readonly Route[] = [
  defineRoute({
    id: "listTokens",
    method: "get",
    path: "/tokens",
    scope: "operate",
    tag: "Tokens",
    summary: "Every token, without its secret",
    answer: z.object({ tokens: z.array(tokenSchema) }).meta({ id: "TokenList" }),
    handle: async ({ deps }) => ok({ tokens: (await deps.tokens.list()).map(viewOf) }),
  }),
  defineRoute({
    id: "createToken",
    method: "post",
    path: "/tokens",
    scope: "operate",
    tag: "Tokens",
    summary: "Make a token",
    status: 201,
    body: z.object({
      name: z.string().trim().min(1).max(100),
      scopes: z.array(scopeSchema).min(1).max(3),
      expiresInDays: z.optional(z.int().min(1).max(MAX_DAYS)),
    }),
    answer: newTokenSchema,
    problems: [409],
    audit: ({ body }) => ({ target: `token ${body.name}`, detail: body.scopes.join(" ") }),
    handle: ({ body, actor, deps }) => createToken(deps, actor, body),
  }),
  defineRoute({
    id: "rotateToken",
    method: "post",
    path: "/tokens/:id/rotate",
    scope: "operate",
    tag: "Tokens",
    summary: "Give a token another secret; the old one stays valid for a while, if wanted",
    params: tokenParams,
    body: z.object({
      graceSeconds: z
        .int()
        .min(0)
        .max(LIMITS.operator.maxRotationGraceMs / SECOND_MS)
        .default(0),
    }),
    answer: newTokenSchema,
    problems: [404, 409],
    audit: ({ params, body }) => ({
      target: `token ${params.id}`,
      detail: `${body.graceSeconds} s of grace`,
    }),
    async handle({ params, body, actor, deps }) {
      const known = await ownToken(deps, actor, params.id);
      if (!known.ok) return known;
      if (!mayHold(actor, known.value)) return err(NOT_YOURS);
      const { id, token, hash } = await makeToken(deps.randomBytes, known.value.id);
      const previousUntilMs = deps.nowMs() + body.graceSeconds * SECOND_MS;
      await deps.tokens.rotate(id, { hash, previousHash: known.value.hash, previousUntilMs });
      return ok({ id, token });
    },
  }),
  defineRoute({
    id: "revokeToken",
    method: "post",
    path: "/tokens/:id/revoke",
    scope: "operate",
    tag: "Tokens",
    summary: "End a token, and those it made, at once",
    params: tokenParams,
    answer: appliedSchema,
    problems: [404, 409],
    audit: ({ params }) => ({ target: `token ${params.id}` }),
    async handle({ params, actor, deps }) {
      const known = await ownToken(deps, actor, params.id);
      if (!known.ok) return known;
      await deps.tokens.revoke(params.id, deps.nowMs());
      return ok(APPLIED);
    },
  }),
];

async function createToken(
  deps: OperatorDependencies,
  actor: Actor,
  wanted: {
    readonly name: string;
    readonly scopes: readonly Scope[];
    readonly expiresInDays?: number | undefined;
  },
): Promise<Result<z.input<typeof newTokenSchema>, Problem>> {
  if (!covers(actor, wanted.scopes)) return err(TOO_MUCH);
  const valid = (await deps.tokens.list()).filter((token) => token.revokedAtMs === null);
  if (valid.length >= LIMITS.operator.maxTokens) {
    return err(conflict(`There are ${LIMITS.operator.maxTokens} tokens: revoke some.`));
  }
  const { id, token, hash } = await makeToken(deps.randomBytes);
  const nowMs = deps.nowMs();
  const { expiresInDays } = wanted;
  const parent = await deps.tokens.find(actor.tokenId);
  const latestMs = parent?.expiresAtMs ?? null;
  const expiresAtMs = expiresInDays === undefined ? latestMs : nowMs + expiresInDays * DAY_MS;
  if (latestMs !== null && expiresAtMs !== null && expiresAtMs > latestMs) return err(TOO_LONG);
  const isStored = await deps.tokens.create({
    id,
    name: wanted.name,
    scopes: [...new Set(wanted.scopes)],
    hash,
    previousHash: null,
    previousUntilMs: null,
    createdAtMs: nowMs,
    createdBy: actor.name,
    parentId: parent?.id ?? null,
    expiresAtMs,
    revokedAtMs: null,
  });
  return isStored ? ok({ id, token }) : err(UNAUTHORIZED);
}

async function ownToken(
  deps: OperatorDependencies,
  actor: Actor,
  id: string,
): Promise<Result<TokenRecord, Problem>> {
  const known = await deps.tokens.find(id);
  if (known === null) return err(notFound("token"));
  if (!covers(actor, known.scopes)) return err(TOO_MUCH);
  return known.revokedAtMs === null ? ok(known) : err(conflict("The token is revoked."));
}

function covers(actor: Actor, scopes: readonly Scope[]): boolean {
  return scopes.every((scope) => actor.scopes.includes(scope));
}

/** Whether this caller may be given the token's new secret. */
function mayHold(actor: Actor, token: TokenRecord): boolean {
  return actor.tokenId === BOOTSTRAP_ID || actor.tokenId === token.id || actor.tokenId === token.parentId;
}

const TOO_LONG: Problem = {
  status: 403,
  code: "lifetime-too-long",
  title: "The token would live longer than yours",
};

const NOT_YOURS: Problem = {
  status: 403,
  code: "not-your-token",
  title: "A token rotates itself and those that it made",
  detail: "Revoke the token and make another, or rotate it with a token from a secret.",
};

const TOO_MUCH: Problem = {
  status: 403,
  code: "scope-too-wide",
  title: "The token would have a scope that yours has not",
};

function viewOf(token: TokenRecord): z.input<typeof tokenSchema> {
  const { hash: _, previousHash: __, scopes, ...view } = token;
  return { ...view, scopes: [...scopes] };
}
