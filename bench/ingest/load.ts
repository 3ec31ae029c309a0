/** Sends signed events over kept connections, some at once, and checks every answer. */
import { createHmac } from "node:crypto";
import { Agent, request } from "node:http";

export const SECRET = "whsec_bench_not_for_production";
const AT_ONCE = 8;
const ANSWER_WITHIN_MS = 10_000;
const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE });

export interface Load {
  readonly url: string;
  readonly count: number;
  readonly bodyBytes: number;
}

let sent = 0;

export async function sendLoad({ url, count, bodyBytes }: Load): Promise<void> {
  let left = count;
  const sendSome = async (): Promise<void> => {
    while (left-- > 0) {
      const status = await post(url, bodyOf(sent++, bodyBytes));
      if (status !== 200) throw new Error(`${url} answered ${status}`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, sendSome));
}

export function closeLoad(): void {
  agent.destroy();
}

/** An event as Stripe sends it: nested, with the members of an invoice, up to the size that is asked for. */
export function bodyOf(n: number, bodyBytes: number): string {
  const lines: unknown[] = [];
  const event = {
    id: `evt_bench_${n}`,
    object: "event",
    api_version: "2026-10-28",
    created: Math.floor(Date.now() / 1_000),
    type: "invoice.paid",
    livemode: false,
    pending_webhooks: 1,
    request: { id: null, idempotency_key: null },
    data: {
      object: { id: `in_${n}`, customer: `cus_${n % 1_000}`, amount_paid: 4_200, lines: { data: lines } },
    },
  };
  const line = {
    id: "il_1",
    object: "line_item",
    amount: 4_200,
    currency: "eur",
    metadata: {},
    period: { start: 1, end: 2 },
  };
  const lineBytes = JSON.stringify(line).length + 1;
  const missing = bodyBytes - JSON.stringify(event).length;
  for (let at = 0; at < Math.floor(missing / lineBytes); at++) lines.push(line);
  return JSON.stringify(event);
}

function post(url: string, body: string): Promise<number> {
  const seconds = Math.floor(Date.now() / 1_000);
  const digest = createHmac("sha256", SECRET).update(`${seconds}.${body}`).digest("hex");
  const { hostname, port, pathname } = new URL(url);
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        hostname,
        port,
        path: pathname,
        method: "POST",
        agent,
        timeout: ANSWER_WITHIN_MS,
        // As Stripe sends them.
        headers: {
          "content-type": "application/json; charset=utf-8",
          "content-length": Buffer.byteLength(body),
          "user-agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
          accept: "*/*; q=0.5, application/xml",
          "cache-control": "no-cache",
          "stripe-signature": `t=${seconds},v1=${digest}`,
        },
      },
      (incoming) => {
        incoming.resume();
        incoming.once("end", () => resolve(incoming.statusCode ?? 0));
        incoming.once("error", reject);
      },
    );
    outgoing.once("error", reject);
    outgoing.once("timeout", () => outgoing.destroy(new Error(`${url} did not answer in time`)));
    outgoing.end(body);
  });
}
