/**
 * One operation of the operator API: what it takes, what it answers, who may call it, what the audit log says of it. The
 * same definition serves the request and the OpenAPI document, so that neither can say what the other does not do.
 */
import * as z from "zod";
import { err, ok, type Result } from "../core/result.ts";
import type { Problem } from "../platform/problem.ts";
import type { Actor, OperatorDependencies, Scope } from "./port.ts";

export type Method = "get" | "post" | "put";

export interface Call<Params, Query, Body> {
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
  readonly actor: Actor;
  readonly deps: OperatorDependencies;
}

/** What the audit log keeps of a call. Never a payload. */
export interface AuditNote {
  readonly target: string;
  readonly detail?: string;
}

export interface RouteFacts {
  /** Unique, in camel case: the OpenAPI operation, and the audit log's word. */
  readonly id: string;
  readonly method: Method;
  /** Below `/admin/v1`; parameters as `:name`. */
  readonly path: string;
  readonly scope: Scope;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  readonly status?: 200 | 201;
  /** Beyond those that every operation may answer. */
  readonly problems?: readonly (404 | 409 | 413)[];
}

export interface RouteOptions<
  Params extends z.ZodObject,
  Query extends z.ZodObject,
  Body extends z.ZodType,
  Answer extends z.ZodType,
> extends RouteFacts {
  readonly params?: Params;
  readonly query?: Query;
  readonly body?: Body;
  readonly answer: Answer;
  /** Present on everything that changes something. */
  readonly audit?: (
    call: Pick<Call<z.output<Params>, z.output<Query>, z.output<Body>>, "params" | "body">,
  ) => AuditNote;
  readonly handle: (
    call: Call<z.output<Params>, z.output<Query>, z.output<Body>>,
  ) => Promise<Result<z.input<Answer>, Problem>>;
}

export interface RawCall {
  readonly params: unknown;
  readonly query: unknown;
  readonly body: unknown;
}

/** A call whose input is known to be good. */
export interface ReadyCall {
  readonly audit: AuditNote | null;
  execute(actor: Actor, deps: OperatorDependencies): Promise<Result<unknown, Problem>>;
}

export interface Route extends RouteFacts {
  readonly params: z.ZodObject | null;
  readonly query: z.ZodObject | null;
  readonly body: z.ZodType | null;
  readonly answer: z.ZodType;
  readonly isAudited: boolean;
  prepare(raw: RawCall): Result<ReadyCall, Problem>;
}

const NOTHING = z.object({});

export function defineRoute<
  Answer extends z.ZodType,
  Params extends z.ZodObject = typeof NOTHING,
  Query extends z.ZodObject = typeof NOTHING,
  Body extends z.ZodType = z.ZodUndefined,
>(options: RouteOptions<Params, Query, Body, Answer>): Route {
  const { params, query, body, answer, audit, handle, ...facts } = options;
  return {
    ...facts,
    params: params ?? null,
    query: query ?? null,
    body: body ?? null,
    answer,
    isAudited: audit !== undefined,
    prepare(raw) {
      const parsed = parseCall(options, raw);
      if (!parsed.ok) return parsed;
      const input = parsed.value;
      return ok({
        audit: audit?.(input) ?? null,
        execute: (actor, deps) => handle({ ...input, actor, deps }),
      });
    },
  };
}

function parseCall<Params extends z.ZodObject, Query extends z.ZodObject, Body extends z.ZodType>(
  { params, query, body }: { readonly params?: Params; readonly query?: Query; readonly body?: Body },
  raw: RawCall,
): Result<
  { readonly params: z.output<Params>; readonly query: z.output<Query>; readonly body: z.output<Body> },
  Problem
> {
  // What a route does not declare it is not given, and its type says so: the empty object, undefined.
  const parsedParams = (params ?? NOTHING).safeParse(raw.params);
  if (!parsedParams.success) return err(invalid("path", parsedParams.error));
  const parsedQuery = (query ?? NOTHING).safeParse(raw.query);
  if (!parsedQuery.success) return err(invalid("query", parsedQuery.error));
  const parsedBody = (body ?? z.undefined()).safeParse(body === undefined ? undefined : raw.body);
  if (!parsedBody.success) return err(invalid("body", parsedBody.error));
  return ok({
    params: parsedParams.data as z.output<Params>,
    query: parsedQuery.data as z.output<Query>,
    body: parsedBody.data as z.output<Body>,
  });
}

const MAX_ISSUES = 10;

function invalid(where: string, error: z.ZodError): Problem {
  const issues = error.issues.slice(0, MAX_ISSUES).map((issue) => ({
    path: [where, ...issue.path.map(String)].join("."),
    message: issue.message,
  }));
  return {
    status: 400,
    code: "invalid-request",
    title: "The request is not valid",
    detail: issues.map(({ path, message }) => `${path}: ${message}`).join("; "),
    extensions: { issues },
  };
}
