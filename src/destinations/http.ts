/**
 * Deliveries over HTTP, signed as Standard Webhooks. The body and `webhook-id` are the same for every try of
 * one (event, run, destination); only the time of the attempt and its signature differ. Follows no redirect,
 * reads no more of the answer than keeps the connection usable, never throws and never retries.
 */
import type { HttpDestinationDefinition } from "../config/define-destination.ts";
import { LIMITS } from "../config/limits.ts";
import { excerptOf, replaceValues } from "../core/answer-excerpt.ts";
import { classifyDeliveryStatus } from "../core/classify/delivery-status.ts";
import { checkEndpointUrl } from "../core/classify/endpoint-url.ts";
import { readRetryAfter } from "../core/classify/retry-after.ts";
import { failure, withAnswer, type StageFailure } from "../core/failure.ts";
import { err, ok, type Result } from "../core/result.ts";
import { bodyTooLarge, deliveryInterrupted, destinationNotConfigured } from "./delivery-failure.ts";
import { drain } from "./drain.ts";
import type { DeliveryReceipt, Destination, OutboundMessage } from "./port.ts";
import { createWebhookSigner, parseSigningKeys, type WebhookSigner } from "./webhook-signature.ts";

/** What the definition only names, resolved. */
export interface HttpDestinationAccess {
  readonly url: string;
  /** `whsec_…`; several, separated by spaces, while one is rotated. */
  readonly secret: string;
  readonly fetch: typeof fetch;
  readonly nowMs: () => number;
}

interface Endpoint {
  readonly url: string;
  readonly timeoutMs: number;
  /** What no answer may bring into an event or a log. */
  readonly secrets: readonly string[];
  readonly sign: WebhookSigner;
  readonly fetch: typeof fetch;
  readonly nowMs: () => number;
}

export function createHttpDestination(
  name: string,
  definition: HttpDestinationDefinition,
  access: HttpDestinationAccess,
): Result<Destination, StageFailure> {
  const url = checkEndpointUrl(access.url);
  if (!url.ok) return err(destinationNotConfigured(name, `its URL ${url.error}`));
  const keys = parseSigningKeys(access.secret);
  if (!keys.ok) return err(destinationNotConfigured(name, `${definition.secret} ${keys.error}`));
  const endpoint: Endpoint = {
    url: url.value.href,
    timeoutMs: definition.timeoutMs ?? LIMITS.destinations.timeoutMs,
    secrets: [access.secret, ...secretsInUrl(url.value)],
    sign: createWebhookSigner(keys.value),
    fetch: access.fetch,
    nowMs: access.nowMs,
  };
  return ok({
    name,
    limits: definition.limits,
    send: (message, signal) => deliver(endpoint, message, signal),
  });
}

async function deliver(
  endpoint: Endpoint,
  message: OutboundMessage,
  signal: AbortSignal,
): Promise<Result<DeliveryReceipt, StageFailure>> {
  const { type, eventId, body: data } = message;
  // Nothing in here changes between tries: a receiver may compare bodies as well as ids.
  const body = JSON.stringify({ type, id: eventId, data });
  const sizeBytes = new TextEncoder().encode(body).byteLength;
  const maxBytes = LIMITS.destinations.maxBodyBytes;
  if (sizeBytes > maxBytes) return err(bodyTooLarge(sizeBytes, maxBytes));
  if (signal.aborted) return err(deliveryInterrupted("cancelled", "the delivery was cancelled"));
  const { fetch, nowMs, secrets, url, timeoutMs } = endpoint;
  const startedAtMs = nowMs();
  const timeout = AbortSignal.timeout(timeoutMs);
  try {
    const headers = await headersOf(endpoint.sign, message, body, startedAtMs);
    const response = await fetch(url, {
      method: "POST",
      headers,
      body,
      redirect: "manual",
      signal: AbortSignal.any([signal, timeout]),
    });
    const receipt = { status: response.status, durationMs: nowMs() - startedAtMs };
    const answer = await drain(response.body);
    const failed = failureOf(response, endpoint, excerptOf(answer, secrets));
    return failed === undefined ? ok(receipt) : err(failed);
  } catch (thrown) {
    if (signal.aborted) return err(deliveryInterrupted("cancelled", "the delivery was cancelled"));
    if (timeout.aborted) return err(deliveryInterrupted("timeout", `no answer within ${timeoutMs} ms`));
    const name = thrown instanceof Error ? thrown.name : "unknown";
    return err(deliveryInterrupted("network", `the destination could not be reached (${name})`));
  }
}

async function headersOf(
  sign: WebhookSigner,
  message: OutboundMessage,
  body: string,
  nowMs: number,
): Promise<Record<string, string>> {
  const timestampSeconds = Math.floor(nowMs / 1_000);
  return {
    "content-type": "application/json",
    "user-agent": "Sluice",
    "webhook-id": message.idempotencyKey,
    "webhook-timestamp": String(timestampSeconds),
    "webhook-signature": await sign(message.idempotencyKey, timestampSeconds, body),
    traceparent: message.traceparent,
    "x-sluice-event": message.eventId,
    "x-sluice-partition": message.partition,
    "x-sluice-sequence": String(message.sequence),
    ...(message.late ? { "x-sluice-late": "true" } : {}),
    "x-sluice-run": String(message.run),
    "x-sluice-token": String(message.token),
  };
}

function failureOf(
  response: Response,
  endpoint: Endpoint,
  answer: string | undefined,
): StageFailure | undefined {
  const verdict = classifyDeliveryStatus(response.status);
  if (verdict === "delivered") return undefined;
  const code = `http_${response.status}`;
  const message = `the destination answered ${response.status}${redirectOf(response, endpoint)}`;
  if (verdict === "permanent") return withAnswer(failure("deliver", verdict, code, message), answer);
  const maxMs = LIMITS.headers.maxRetryAfterMs;
  const wait = readRetryAfter((header) => response.headers.get(header), endpoint.nowMs(), maxMs);
  return withAnswer(failure("deliver", verdict, code, message, wait?.waitMs), answer);
}

/** Where a redirect points, without what its query may hold. It is not followed. */
function redirectOf({ status, headers }: Response, { url, secrets }: Endpoint): string {
  const location = headers.get("location");
  const target = location === null ? null : URL.parse(location, url);
  if (status < 300 || status > 399 || target === null) return "";
  const address = replaceValues(`${target.origin}${target.pathname}`, secrets);
  return `, a redirect to ${address}, which is not followed: configure that address`;
}

/** A receiver's own URL is often its credential (Slack, Teams): what is long in it is not repeated either. */
function secretsInUrl({ pathname, search }: URL): readonly string[] {
  return [...pathname.split("/"), ...search.slice(1).split(/[&=]/)].filter((part) => part.length >= 20);
}
