/** The operator API as the pages call it: with the visitor's token, its answers parsed by the API's own schemas. */
import * as z from "zod";
import { err, ok, type Result } from "../core/result.ts";
import type { DashboardDependencies } from "./port.ts";

export interface ApiProblem {
  readonly status: number;
  readonly code: string;
  readonly title: string;
  readonly detail: string;
}

/** Members of a query; what is undefined or empty is left out. */
export type Query = Readonly<Record<string, string | number | undefined>>;

/** Paths are those below `/admin/v1`. */
export interface ApiClient {
  get<Schema extends z.ZodType>(
    path: string,
    schema: Schema,
    query?: Query,
  ): Promise<Result<z.output<Schema>, ApiProblem>>;
  send<Schema extends z.ZodType>(
    method: "POST" | "PUT",
    path: string,
    body: unknown,
    schema: Schema,
  ): Promise<Result<z.output<Schema>, ApiProblem>>;
}

const problemSchema = z.object({ type: z.string(), title: z.string(), detail: z.optional(z.string()) });

export function createApiClient(
  { api, log }: Pick<DashboardDependencies, "api" | "log">,
  token: string,
): ApiClient {
  const call = async <Schema extends z.ZodType>(
    path: string,
    init: { readonly method: string; readonly body?: string },
    schema: Schema,
  ): Promise<Result<z.output<Schema>, ApiProblem>> => {
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const response = await api(
      new Request(`https://operator.internal/admin/v1${path}`, { ...init, headers }),
    );
    const body: unknown = await response.json();
    if (!response.ok) return err(problemOf(response.status, body));
    const parsed = schema.safeParse(body);
    if (parsed.success) return ok(parsed.data);
    log.error("dashboard_answer_unexpected", { path: path.replace(/\?.*/, ""), error: parsed.error.message });
    return err({
      status: 500,
      code: "unexpected",
      title: "The gateway's own answer was not understood",
      detail: "",
    });
  };
  return {
    get: (path, schema, query = {}) => call(`${path}${queryText(query)}`, { method: "GET" }, schema),
    send: (method, path, body, schema) => call(path, { method, body: JSON.stringify(body) }, schema),
  };
}

/** `?a=b`, or nothing. */
export function queryText(query: Query): string {
  const present = Object.entries(query).flatMap(([name, value]) =>
    value === undefined || value === "" ? [] : [[name, String(value)]],
  );
  return present.length === 0 ? "" : `?${new URLSearchParams(present).toString()}`;
}

function problemOf(status: number, body: unknown): ApiProblem {
  const parsed = problemSchema.safeParse(body);
  if (!parsed.success) return { status, code: "unexpected", title: "It did not work", detail: "" };
  const { type, title, detail = "" } = parsed.data;
  return { status, code: type.slice(type.lastIndexOf(":") + 1), title, detail };
}
