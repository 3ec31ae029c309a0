/**
 * For end-to-end tests: the real Worker on workerd, seen only from outside. Sends what senders send, reads what
 * operators read, and judges effects by the sink's and the model server's own records.
 */
import { request as httpRequest, type IncomingHttpHeaders, type OutgoingHttpHeaders } from "node:http";
import * as z from "zod";
import type { LocalGateway, LocalGatewayOptions } from "../../dev/lib/local-gateway.ts";
import { LOCAL_API_TOKEN, LOCAL_SECRETS } from "../../dev/lib/local-secrets.ts";
import { DEMO_SECRETS, signSample, type Sample, type SignedRequest } from "../../dev/senders/sample.ts";
import type { SinkRecord } from "../../dev/sink/server.ts";
import { until } from "./e2e-until.ts";

export type { LocalGateway } from "../../dev/lib/local-gateway.ts";

// Before wrangler is loaded: its own notes are not the tests'.
process.env["WRANGLER_LOG"] ??= "error";
process.env["CLOUDFLARE_CF_FETCH_ENABLED"] ??= "false";
const { startLocalGateway } = await import("../../dev/lib/local-gateway.ts");

export const BEARER = { authorization: `Bearer ${LOCAL_API_TOKEN}` };
/** Every value that must never be seen outside the Worker's own memory. */
export const SECRET_VALUES: readonly string[] = Object.values(LOCAL_SECRETS);

export function startGateway(options: LocalGatewayOptions = {}): Promise<LocalGateway> {
  return startLocalGateway(options);
}

export function nowSeconds(): number {
  return Math.floor(Date.now() / 1_000);
}

const answerSchema = z.looseObject({
  id: z.nullish(z.string()),
  status: z.unknown(),
  traceId: z.optional(z.string()),
});

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The event's id, or "" where the answer names none. */
  readonly id: string;
  /** `queued`, `duplicate`, …; "" in a problem document. */
  readonly word: string;
  readonly traceId: string;
}

export async function post(
  gateway: LocalGateway,
  source: string,
  request: { readonly headers: HeadersInit; readonly body: BodyInit | null },
): Promise<Answer> {
  const response = await fetch(`${gateway.url}/in/${source}`, { method: "POST", ...request });
  return answerOf(response);
}

export async function answerOf(response: Response): Promise<Answer> {
  const text = await response.text();
  const parsed = answerSchema.safeParse(jsonOf(text));
  const body = parsed.success ? parsed.data : null;
  return {
    status: response.status,
    headers: response.headers,
    text,
    id: body?.id ?? "",
    word: typeof body?.status === "string" ? body.status : "",
    traceId: body?.traceId ?? "",
  };
}

export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function signed(sample: Sample, atSeconds = nowSeconds()): SignedRequest {
  return signSample(sample, DEMO_SECRETS, atSeconds);
}

/** Signs a sample as its sender would and sends it. */
export function send(
  gateway: LocalGateway,
  sample: Sample,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const request = signed(sample);
  return post(gateway, sample.sender, { body: request.body, headers: { ...request.headers, ...headers } });
}

const eventSchema = z.looseObject({
  id: z.string(),
  state: z.string(),
  traceId: z.nullable(z.string()),
  type: z.string(),
  pipeline: z.string(),
  attempts: z.int(),
  deliveryAttempts: z.int(),
  parent: z.nullable(z.object({ id: z.string(), depth: z.int() })),
  output: z.nullable(z.looseObject({ value: z.unknown(), body: z.unknown(), type: z.string() })),
  deliveries: z.array(
    z.looseObject({ destination: z.string(), idempotencyKey: z.string(), status: z.int() }),
  ),
  failure: z.nullable(z.looseObject({ stage: z.string(), class: z.string(), code: z.string() })),
  timeline: z.array(z.object({ atMs: z.number(), what: z.string(), detail: z.optional(z.string()) })),
});

export type EventAnswer = Readonly<z.output<typeof eventSchema>>;

export function getEvent(
  gateway: LocalGateway,
  id: string,
  headers: Readonly<Record<string, string>> = BEARER,
): Promise<Response> {
  return fetch(`${gateway.url}/v1/events/${id}`, { headers });
}

export async function readEvent(gateway: LocalGateway, id: string): Promise<EventAnswer | null> {
  const response = await getEvent(gateway, id);
  const body: unknown = await response.json();
  if (response.status === 404) return null;
  if (response.status !== 200) throw new Error(`GET event: ${response.status} ${JSON.stringify(body)}`);
  return eventSchema.parse(body);
}

/** The event as it is once it is in this state. */
export function eventIn(
  gateway: LocalGateway,
  id: string,
  state: string,
  timeoutMs?: number,
): Promise<EventAnswer> {
  let seen: EventAnswer | null = null;
  return until(
    () => `event ${id} is ${state}; last seen: ${JSON.stringify(seen)}`,
    async () => {
      seen = await readEvent(gateway, id);
      return seen?.state === state ? seen : null;
    },
    timeoutMs,
  );
}

/** Every delivery of what this sample became, repeats and refused ones included. */
export function deliveriesOf(gateway: LocalGateway, sample: Sample): readonly SinkRecord[] {
  return gateway.sink.records.entries().filter(({ body }) => dataOf(body)?.["reference"] === sample.id);
}

/** Those that the destination accepted. */
export function effectsOf(gateway: LocalGateway, sample: Sample): readonly SinkRecord[] {
  return deliveriesOf(gateway, sample).filter(({ status }) => status === 200);
}

export function effectOf(gateway: LocalGateway, sample: Sample, timeoutMs?: number): Promise<SinkRecord> {
  return until(
    () => `an effect of ${sample.type} ${sample.id}`,
    () => effectsOf(gateway, sample)[0],
    timeoutMs,
  );
}

/** What a delivery carries. */
export function dataOf(body: SinkRecord["body"]): Readonly<Record<string, unknown>> | null {
  const parsed = z.object({ data: z.record(z.string(), z.unknown()) }).safeParse(body);
  return parsed.success ? parsed.data.data : null;
}

/** Faults of the model server or the sink. @returns the fault's id, as records name it */
export async function arm(
  server: { readonly url: string },
  fault: Readonly<Record<string, unknown>>,
): Promise<string> {
  const response = await fetch(`${server.url}/__control/faults`, {
    method: "POST",
    body: JSON.stringify(fault),
  });
  if (response.status !== 201) throw new Error(`fault refused: ${await response.text()}`);
  return z.object({ id: z.string() }).parse(await response.json()).id;
}

/** Everything the Worker has logged so far, and everything the runtime had to say. */
export function logText(gateway: LocalGateway): string {
  return gateway.harness
    .getLogs()
    .map(({ level, message }) => `${level} ${message}`)
    .join("\n");
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** What `fetch` would mend or refuse: paths that are not normal, headers that are too large. */
export function rawRequest(
  gateway: LocalGateway,
  options: {
    readonly path: string;
    readonly method?: string;
    readonly headers?: OutgoingHttpHeaders;
    readonly body?: string | Uint8Array;
  },
): Promise<RawAnswer> {
  const { hostname, port } = new URL(gateway.url);
  const { path, method = "POST", headers = {}, body } = options;
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest({ hostname, port, path, method, headers, agent: false }, (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
      incoming.once("error", reject);
      incoming.once("end", () =>
        resolve({
          status: incoming.statusCode ?? 0,
          headers: incoming.headers,
          text: Buffer.concat(chunks).toString("utf8"),
        }),
      );
    });
    outgoing.once("error", reject);
    outgoing.end(body);
  });
}
