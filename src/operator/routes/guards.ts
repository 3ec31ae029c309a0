/** Guards of models and destinations: how they stand, and an operator's word over their breakers. */
import * as z from "zod";
import { LIMITS } from "../../config/limits.ts";
import type { GuardSummary } from "../../core/guard/summary.ts";
import { err, ok, type Result } from "../../core/result.ts";
import type { OperatorDependencies } from "../port.ts";
import { notFound, UNAVAILABLE } from "../problems.ts";
import { defineRoute, type Route } from "../route.ts";
import { guardSchema, reasonSchema } from "../schemas.ts";

const guardParams = z.object({
  name: z.string().max(200).meta({ description: "`model:fast` or `destination:crm`" }),
});

export const guardListSchema = z.object({ guards: z.array(guardSchema) }).meta({ id: "GuardList" });

export const guardRoutes: readonly Route[] = [
  defineRoute({
    id: "listGuards",
    method: "get",
    path: "/guards",
    scope: "read",
    tag: "Guards",
    summary: "Every guard: breaker, rates, slots",
    answer: guardListSchema,
    async handle({ deps }) {
      const { names } = deps.guards;
      const states = await Promise.all(names.map((name) => deps.guards.read(name)));
      const guards = names.map((name, index) => guardOf(deps, name, stateOf(states[index])));
      return ok({ guards });
    },
  }),
  defineRoute({
    id: "getGuard",
    method: "get",
    path: "/guards/:name",
    scope: "read",
    tag: "Guards",
    summary: "One guard",
    params: guardParams,
    answer: guardSchema,
    problems: [404],
    handle: ({ params, deps }) => onGuard(deps, params.name, () => deps.guards.read(params.name)),
  }),
  defineRoute({
    id: "tripGuard",
    method: "post",
    path: "/guards/:name/trip",
    scope: "operate",
    tag: "Guards",
    summary: "Open the breaker for so long: what needs the endpoint waits, and uses up no retry",
    params: guardParams,
    body: z.object({
      seconds: z
        .int()
        .min(1)
        .max(LIMITS.operator.maxTripMs / 1_000),
      reason: z.optional(reasonSchema),
    }),
    answer: guardSchema,
    problems: [404],
    audit: ({ params, body }) => ({
      target: params.name,
      detail: `${body.seconds} s ${body.reason ?? ""}`.trim(),
    }),
    handle: ({ params, body, deps }) =>
      onGuard(deps, params.name, () =>
        deps.guards.operate(params.name, { kind: "trip", forMs: body.seconds * 1_000 }),
      ),
  }),
  defineRoute({
    id: "resetGuard",
    method: "post",
    path: "/guards/:name/reset",
    scope: "operate",
    tag: "Guards",
    summary: "Close the breaker, and forget pauses and a reduced rate",
    params: guardParams,
    answer: guardSchema,
    problems: [404],
    audit: ({ params }) => ({ target: params.name }),
    handle: ({ params, deps }) =>
      onGuard(deps, params.name, () => deps.guards.operate(params.name, { kind: "reset" })),
  }),
];

function guardOf({ guards }: OperatorDependencies, name: string, state: GuardSummary | null) {
  const { requestsPerMinute, tokensPerMinute, maxConcurrent } = guards.limits(name);
  const limits = {
    ...(requestsPerMinute === undefined ? {} : { requestsPerMinute }),
    ...(tokensPerMinute === undefined ? {} : { tokensPerMinute }),
    ...(maxConcurrent === undefined ? {} : { maxConcurrent }),
  };
  return { name, limits, state };
}

function stateOf(read: Result<GuardSummary, unknown> | undefined): GuardSummary | null {
  return read?.ok === true ? read.value : null;
}

async function onGuard(
  deps: OperatorDependencies,
  name: string,
  ask: () => Promise<Result<GuardSummary, { readonly message: string }>>,
) {
  if (!deps.guards.names.includes(name)) return err(notFound("guard"));
  const answer = await ask();
  if (answer.ok) return ok(guardOf(deps, name, answer.value));
  deps.log.warn("guard_unreachable", { guard: name, error: answer.error.message });
  return err(UNAVAILABLE);
}
