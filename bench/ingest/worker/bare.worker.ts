/**
 * The bare handler of the budget: reads the body, verifies the HMAC, sends to the queue. What a careful person writes by
 * hand in twenty lines: the key is imported once, the time is checked, and nothing else is done.
 */
export interface BareEnv {
  readonly SECRET: string;
  readonly LANE: Queue;
}

const encoder = new TextEncoder();
let imported: Promise<CryptoKey> | undefined;

export default {
  async fetch(request: Request, env: BareEnv): Promise<Response> {
    if (request.method !== "POST") return new Response(null, { status: 405 });
    const header = request.headers.get("stripe-signature") ?? "";
    const [, seconds = "", digest = ""] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(header) ?? [];
    const body = await request.text();
    const isFresh = Math.abs(Date.now() / 1_000 - Number(seconds)) <= 300;
    imported ??= crypto.subtle.importKey(
      "raw",
      encoder.encode(env.SECRET),
      { name: "HMAC", hash: "SHA-256" },
      false,
      ["verify"],
    );
    const key = await imported;
    const signature = Uint8Array.from(digest.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
    const isValid = await crypto.subtle.verify("HMAC", key, signature, encoder.encode(`${seconds}.${body}`));
    if (!isFresh || !isValid) return new Response(null, { status: 401 });
    await env.LANE.send({ body }, { contentType: "json" });
    return Response.json({ status: "queued" });
  },
};
