/**
 * A stand-in for Cloudflare's API (https://developers.cloudflare.com/api/), as much of it as wrangler asks for while it sets up,
 * deploys and rolls back: one account, in memory, its D1 databases real SQLite. wrangler finds it by
 * `CLOUDFLARE_API_BASE_URL`. A call it does not know is answered as an error and listed, so that no test passes by it.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { listen, readBody, type RunningServer } from "../lib/http-server.ts";
import { newAccount, type Account } from "./account.ts";
import { ApiError, type Call, type Route } from "./call.ts";
import { DATA_ROUTES } from "./data-routes.ts";
import { QUEUE_ROUTES } from "./queue-routes.ts";
import { USER_ROUTES } from "./user-routes.ts";
import { WORKER_ROUTES } from "./worker-routes.ts";

export interface CloudflareApi extends RunningServer {
  /** Up to and with `/client/v4`. */
  readonly baseUrl: string;
  readonly account: Account;
  /** Every call that came, as `GET /accounts/:account/queues`. */
  readonly calls: readonly string[];
  /** Calls that no route takes. */
  readonly unknown: readonly string[];
}

const PREFIX = "/client/v4";
const MAX_BODY_BYTES = 64 * 1_048_576;
const ROUTES: readonly Route[] = [...USER_ROUTES, ...QUEUE_ROUTES, ...DATA_ROUTES, ...WORKER_ROUTES];

export async function startCloudflareApi(options: { readonly port?: number } = {}): Promise<CloudflareApi> {
  const account = newAccount();
  const calls: string[] = [];
  const unknown: string[] = [];
  const server = await listen(
    async (request, response) => {
      const url = new URL(request.url ?? "/", "http://api.test");
      const path = url.pathname.replace(PREFIX, "").replace(`/accounts/${account.id}`, "/accounts/:account");
      calls.push(`${request.method} ${path}`);
      await answer(request, response, { account, url, path, unknown });
    },
    { port: options.port ?? 0, host: "127.0.0.1" },
  );
  return { ...server, baseUrl: `${server.url}${PREFIX}`, account, calls, unknown };
}

interface Asked {
  readonly account: Account;
  readonly url: URL;
  readonly path: string;
  readonly unknown: string[];
}

async function answer(request: IncomingMessage, response: ServerResponse, asked: Asked): Promise<void> {
  const body = await readBody(request, MAX_BODY_BYTES);
  if (!body.ok) return send(response, 413, failure(10_000, body.error));
  for (const route of ROUTES) {
    const match = route.method === request.method ? route.path.exec(asked.path) : null;
    if (match === null) continue;
    const call: Call = {
      account: asked.account,
      query: asked.url.searchParams,
      params: Object.values(match.groups ?? {}).map((text) => decodeURIComponent(text)),
      headers: request.headers,
      bytes: body.value,
    };
    try {
      const { result, ...more } = await route.handle(call);
      return send(response, 200, { success: true, errors: [], messages: [], result, ...more });
    } catch (thrown) {
      if (!(thrown instanceof ApiError)) throw thrown;
      return send(response, thrown.status, failure(thrown.code, thrown.message));
    }
  }
  asked.unknown.push(
    `${request.method} ${asked.path}${asked.url.search} ${body.value.toString("utf8").slice(0, 500)}`,
  );
  return send(response, 404, failure(7_003, `no route for ${request.method} ${asked.path}`));
}

function failure(code: number, message: string) {
  return { success: false, errors: [{ code, message }], messages: [], result: null };
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}
