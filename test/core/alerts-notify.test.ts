import { Webhook } from "standardwebhooks";
import { describe, expect, it } from "vitest";
import { watch } from "../../src/core/alerts/machine.ts";
import { DEFAULT_RULES } from "../../src/core/alerts/rules.ts";
import { createWebhookSigner, parseSigningKeys } from "../../src/destinations/webhook-signature.ts";
import { notify } from "../../src/telemetry/alerts/notify.ts";

const SECRET = `whsec_${btoa("0123456789abcdef01234567")}`;

describe("an alert's webhook", () => {
  it("is signed so that any Standard Webhooks library takes it", async () => {
    const keys = parseSigningKeys(SECRET);
    if (!keys.ok) throw new Error(keys.error);
    const readings = [{ rule: "breaker-open", subject: ["guard", "model:fast"], value: 1 }] as const;
    const [notice] = watch({}, readings, [], DEFAULT_RULES, 1_700_000_040_000).notices;
    if (notice === undefined) throw new Error("nothing opened");
    const requests: RequestInit[] = [];
    const sent = await notify(
      {
        fetch: async (_, init) => {
          requests.push(init ?? {});
          return new Response("ok");
        },
        nowMs: () => Date.now(),
        timeoutMs: 1_000,
        context: { service: "sluice", runbooks: "docs/operations.md" },
      },
      { format: "standard", url: "https://alerts.test/hook", sign: createWebhookSigner(keys.value) },
      notice,
    );
    expect(sent.ok).toBe(true);
    const [request] = requests;
    const text = await new Response(request?.body ?? null).text();
    const headers = Object.fromEntries(new Headers(request?.headers).entries());
    expect(new Webhook(SECRET).verify(text, headers)).toMatchObject({
      type: "alert.opened",
      data: { rule: "breaker-open", subject: ["guard", "model:fast"] },
    });
    expect(request?.redirect).toBe("manual");
  });
});
