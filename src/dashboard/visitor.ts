/** Who looks at a page, and what every page's handler has at hand. */
import type { Hono } from "hono";
import type { Actor } from "../operator/port.ts";
import type { ApiClient } from "./api-client.ts";

export interface Visitor {
  readonly actor: Actor;
  readonly api: ApiClient;
  /** Goes into every form; a form that does not bring it back is refused. */
  readonly formKey: string;
  readonly mayOperate: boolean;
  readonly nowMs: number;
}

export interface DashboardEnv {
  Variables: {
    visitor: Visitor;
    /** Of a POST, once it is known to come from one of our own forms. */
    form: URLSearchParams;
  };
}

export type DashboardApp = Hono<DashboardEnv>;
