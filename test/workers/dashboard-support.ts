/** A visitor of the dashboard, over the real bindings: keeps the cookie as a browser does, and sends forms with their key. */
import { createExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import type { GatewayOptions } from "../../src/config/gateway-options.ts";
import { createGateway, type Gateway } from "../../src/worker.ts";
import { defineGateway, openaiCompatible } from "../../src/index.ts";
import { ADMIN_TOKEN } from "./operator-support.ts";

export interface Shown {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Where a redirect leads; "" for a page. */
  readonly location: string;
}

export const FROM_HERE = { "sec-fetch-site": "same-origin" };

export class Visitor {
  readonly origin: string;
  cookie = "";
  private readonly gateway: Gateway;
  private readonly bindings: typeof env;

  constructor(
    origin = "https://sluice.test",
    overrides: Readonly<Record<string, unknown>> = {},
    options: Partial<GatewayOptions> = {},
  ) {
    this.origin = origin;
    const values: Readonly<Record<string, unknown>> = {
      SLUICE_ADMIN_TOKEN: ADMIN_TOKEN,
      LOG_LEVEL: "error",
      ...overrides,
    };
    this.bindings = new Proxy(env, {
      get: (bindings, name) =>
        typeof name === "string" && name in values ? values[name] : Reflect.get(bindings, name),
    });
    const fast = openaiCompatible({
      baseUrl: "https://model.test/v1",
      model: "m",
      limits: { requestsPerMinute: 600 },
    });
    this.gateway = createGateway(
      defineGateway({ sources: {}, models: { fast }, destinations: {}, ...options }),
    );
  }

  async request(path: string, init: RequestInit = {}): Promise<Shown> {
    const headers = new Headers(init.headers);
    if (this.cookie !== "") headers.set("cookie", this.cookie);
    const request = new Request(`${this.origin}${path}`, { redirect: "manual", ...init, headers });
    const response = await this.gateway.fetch(request, this.bindings, createExecutionContext());
    const [set] = response.headers.getSetCookie();
    if (set !== undefined) this.cookie = /Max-Age=0/.test(set) ? "" : (set.split(";")[0] ?? "");
    return {
      status: response.status,
      headers: response.headers,
      text: await response.text(),
      location: response.headers.get("location") ?? "",
    };
  }

  get(path: string): Promise<Shown> {
    return this.request(path);
  }

  /** As a form of one of our own pages is sent. */
  send(
    path: string,
    fields: Readonly<Record<string, string>>,
    headers: Readonly<Record<string, string>> = FROM_HERE,
  ): Promise<Shown> {
    return this.request(path, { method: "POST", headers, body: new URLSearchParams(fields) });
  }

  logIn(token = ADMIN_TOKEN): Promise<Shown> {
    return this.send("/dashboard/login", { token });
  }

  /** Fills in what the page has hidden in its forms. */
  async submit(page: string, path: string, fields: Readonly<Record<string, string>> = {}): Promise<Shown> {
    const { text } = await this.get(page);
    return this.send(path, { formKey: formKeyOf(text), ...fields });
  }
}

export function formKeyOf(text: string): string {
  return /name="formKey" value="([^"]+)"/.exec(text)?.[1] ?? "";
}

export async function visitorInside(...options: ConstructorParameters<typeof Visitor>): Promise<Visitor> {
  const visitor = new Visitor(...options);
  await visitor.logIn();
  return visitor;
}
