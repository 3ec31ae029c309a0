/** Messages that no lane could place, kept whole in R2: listed, sent again, or given up with a reason. */
import * as z from "zod";
import { err, ok } from "../../core/result.ts";
import { conflict, notFound } from "../problems.ts";
import { defineRoute, type Route } from "../route.ts";
import { APPLIED, appliedSchema, pageQuery, reasonSchema } from "../schemas.ts";

const messageParams = z.object({ id: z.string().regex(/^[A-Za-z0-9_-]{1,128}$/) });

const messageSchema = z.object({ id: z.string(), sizeBytes: z.int(), keptAtMs: z.int() });

export const undeliverableRoutes: readonly Route[] = [
  defineRoute({
    id: "listUndeliverable",
    method: "get",
    path: "/undeliverable",
    scope: "read",
    tag: "Undeliverable messages",
    summary: "Messages that no lane could place",
    query: z.object(pageQuery),
    answer: z
      .object({ messages: z.array(messageSchema), next: z.nullable(z.string()) })
      .meta({ id: "UndeliverablePage" }),
    async handle({ query, deps }) {
      const page = await deps.undeliverable.list(query.limit, query.cursor ?? null);
      return ok({ messages: [...page.messages], next: page.cursor });
    },
  }),
  defineRoute({
    id: "getUndeliverable",
    method: "get",
    path: "/undeliverable/:id",
    scope: "read",
    tag: "Undeliverable messages",
    summary: "One such message, whole",
    params: messageParams,
    answer: z
      .object({ id: z.string(), keptAtMs: z.int(), body: z.unknown() })
      .meta({ id: "UndeliverableMessage" }),
    problems: [404],
    async handle({ params, deps }) {
      const kept = await deps.undeliverable.get(params.id);
      return kept === null ? err(notFound("message")) : ok({ id: params.id, ...kept });
    },
  }),
  defineRoute({
    id: "replayUndeliverable",
    method: "post",
    path: "/undeliverable/:id/replay",
    scope: "operate",
    tag: "Undeliverable messages",
    summary: "Send it again the way it was going; it is no longer kept once it is sent",
    params: messageParams,
    answer: appliedSchema,
    problems: [404, 409],
    audit: ({ params }) => ({ target: `undeliverable/${params.id}` }),
    async handle({ params, deps }) {
      const kept = await deps.undeliverable.get(params.id);
      if (kept === null) return err(notFound("message"));
      const sent = await deps.resend(kept.body);
      if (!sent.ok) return err(conflict(WHY_NOT[sent.error]));
      // A crash in between sends it twice, which its partition notices; the other way round would lose it.
      await deps.undeliverable.remove(params.id);
      return ok(APPLIED);
    },
  }),
  defineRoute({
    id: "discardUndeliverable",
    method: "post",
    path: "/undeliverable/:id/discard",
    scope: "operate",
    tag: "Undeliverable messages",
    summary: "Give the message up, with a reason: what it held is lost",
    params: messageParams,
    body: z.object({ reason: reasonSchema }),
    answer: appliedSchema,
    problems: [404],
    audit: ({ params, body }) => ({ target: `undeliverable/${params.id}`, detail: body.reason }),
    async handle({ params, deps }) {
      if ((await deps.undeliverable.get(params.id)) === null) return err(notFound("message"));
      await deps.undeliverable.remove(params.id);
      return ok(APPLIED);
    },
  }),
];

const WHY_NOT = {
  unreadable:
    "This version of the gateway cannot read the message: deploy the one that wrote it, or discard it.",
  pushed_back: "Its partition is full or draining.",
} as const;
