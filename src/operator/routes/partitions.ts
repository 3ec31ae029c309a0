/** Partitions: how a customer's log stands; stopping it, letting it go on, and forgetting it for good. */
import * as z from "zod";
import type { PartitionName } from "../../core/ids.ts";
import type { OperatorCommand } from "../../core/partition/operate.ts";
import { err, ok, type Result } from "../../core/result.ts";
import type { Problem } from "../../platform/problem.ts";
import type { OperatorDependencies } from "../port.ts";
import { notFound } from "../problems.ts";
import { defineRoute, type Route } from "../route.ts";
import { APPLIED, appliedSchema, pageQuery, partitionNameSchema, reasonSchema } from "../schemas.ts";

const partitionParams = z.object({ name: partitionNameSchema });

export const statusSchema = z
  .object({
    name: z.string(),
    customer: z
      .nullable(z.string())
      .meta({ description: "`space:key`, as its events have it; null: nothing is kept of them" }),
    mode: z.enum(["ordered", "unordered"]),
    openEvents: z.int(),
    storedBytes: z.number(),
    oldestOpenAtMs: z.nullable(z.int()).meta({ description: "When the first open event was accepted" }),
    paused: z.nullable(z.object({ reason: z.string(), sinceMs: z.number() })),
    draining: z.boolean(),
    gateUntilMs: z
      .nullable(z.number())
      .meta({ description: "A guard said not yet: nothing is granted before" }),
    holder: z.nullable(
      z.object({
        driver: z.string(),
        token: z.int(),
        grantedAtMs: z.number(),
        expiresAtMs: z.number(),
        events: z.array(z.string()),
      }),
    ),
    lateEvents: z.int(),
  })
  .meta({ id: "Partition" });

export const partitionListSchema = z
  .object({
    partitions: z.array(
      z.object({
        name: z.string(),
        dueAtMs: z.nullable(z.number()),
        reportedAtMs: z.nullable(z.number()),
      }),
    ),
  })
  .meta({ id: "PartitionList" });

export const partitionRoutes: readonly Route[] = [
  defineRoute({
    id: "listPartitions",
    method: "get",
    path: "/partitions",
    scope: "read",
    tag: "Partitions",
    summary: "Partitions with open work, as far as drivers have reported it; or those of one customer",
    query: z.object({
      limit: pageQuery.limit,
      customer: z.optional(z.string().min(1).max(500)).meta({ description: "`space:key`" }),
    }),
    answer: partitionListSchema,
    async handle({ query, deps }) {
      if (query.customer !== undefined) {
        const names = await deps.partitionsOf(query.customer);
        return ok({ partitions: names.map((name) => ({ name, dueAtMs: null, reportedAtMs: null })) });
      }
      const open = await deps.openPartitions.list(query.limit);
      return ok({ partitions: open.map(({ partition, ...times }) => ({ name: partition, ...times })) });
    },
  }),
  defineRoute({
    id: "getPartition",
    method: "get",
    path: "/partitions/:name",
    scope: "read",
    tag: "Partitions",
    summary: "Depth, oldest age, holder, pause",
    params: partitionParams,
    answer: statusSchema,
    problems: [404],
    handle: ({ params, deps }) => readStatus(deps, params.name),
  }),
  defineRoute({
    id: "pausePartition",
    method: "post",
    path: "/partitions/:name/pause",
    scope: "operate",
    tag: "Partitions",
    summary: "Stop: events are still accepted and kept, none is worked on",
    params: partitionParams,
    body: z.object({ reason: reasonSchema }),
    answer: appliedSchema,
    audit: ({ params, body }) => ({ target: params.name, detail: body.reason }),
    handle: ({ params, body, deps }) => operate(deps, params.name, { kind: "pause", reason: body.reason }),
  }),
  defineRoute({
    id: "resumePartition",
    method: "post",
    path: "/partitions/:name/resume",
    scope: "operate",
    tag: "Partitions",
    summary: "Go on after a pause or a drain",
    params: partitionParams,
    answer: appliedSchema,
    audit: ({ params }) => ({ target: params.name }),
    handle: ({ params, deps }) => operate(deps, params.name, { kind: "resume" }),
  }),
  defineRoute({
    id: "drainPartition",
    method: "post",
    path: "/partitions/:name/drain",
    scope: "operate",
    tag: "Partitions",
    summary: "Finish what is here and take nothing new, until it is resumed",
    params: partitionParams,
    answer: appliedSchema,
    audit: ({ params }) => ({ target: params.name }),
    handle: ({ params, deps }) => operate(deps, params.name, { kind: "drain" }),
  }),
  defineRoute({
    id: "erasePartition",
    method: "post",
    path: "/partitions/:name/erase",
    scope: "erase",
    tag: "Partitions",
    summary: "Forget a customer: every event, output, delivery and body, and the ledger's rows",
    description:
      "For good. Not reached: messages still in a lane (they come back as new events), counts without content, cached model answers until their time is over, copies of the idempotency cache for about a minute, and what was delivered.",
    params: partitionParams,
    body: z.object({ confirm: z.string().meta({ description: "The partition's name once more" }) }),
    answer: z.object({ status: z.literal("erased"), bodies: z.int() }).meta({ id: "Erased" }),
    audit: ({ params }) => ({ target: params.name }),
    handle: ({ params, body, deps }) => erase(deps, params.name, body.confirm),
  }),
];

async function operate(deps: OperatorDependencies, name: PartitionName, command: OperatorCommand) {
  await deps.partitions.operate(name, command);
  return ok(APPLIED);
}

async function readStatus(
  deps: OperatorDependencies,
  name: PartitionName,
): Promise<Result<z.input<typeof statusSchema>, Problem>> {
  const status = await deps.partitions.status(name);
  if (status === null) return err(notFound("partition"));
  const { partition, openEvents, storedBytes, oldestOpenAtMs, customer = null } = status;
  const { lease, gateUntilMs } = partition;
  return ok({
    name,
    customer,
    mode: partition.mode,
    openEvents,
    storedBytes,
    oldestOpenAtMs,
    paused: partition.paused,
    draining: partition.draining,
    gateUntilMs: gateUntilMs > deps.nowMs() ? gateUntilMs : null,
    holder: lease && {
      driver: lease.driver,
      token: lease.token,
      grantedAtMs: lease.grantedAtMs,
      expiresAtMs: lease.expiresAtMs,
      events: lease.entries.map((entry) => entry.id),
    },
    lateEvents: partition.lateEvents,
  });
}

/** The log last: while it is there, a repeat after a failure finds the same to do. */
async function erase(deps: OperatorDependencies, name: PartitionName, confirm: string) {
  if (confirm !== name) {
    const detail = "`confirm` must be the partition's name.";
    return err({ status: 400, code: "not-confirmed", title: "The erasure is not confirmed", detail });
  }
  const bodies = await deps.eraseBodies(name);
  await deps.partitions.erase(name);
  // After the log: no driver can end an event of it any more.
  await deps.eraseKnownEnds(name);
  await deps.ledger.erase(name);
  await deps.openPartitions.settle(name);
  return ok({ status: "erased", bodies } as const);
}
