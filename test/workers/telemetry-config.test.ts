import { describe, expect, it } from "vitest";
import { readinessOf } from "../../src/services/readiness.ts";
import { defineGateway } from "../../src/index.ts";
import { SOME_MODELS } from "../support/some-models.ts";

const parts = { sources: {}, models: SOME_MODELS, destinations: {} };

describe("a config of traces and alerts", () => {
  it("names what it lacks: neither keeps the Worker from anything else", () => {
    const config = defineGateway({
      ...parts,
      traces: { endpoint: { variable: "OTLP_ENDPOINT" }, headers: { authorization: "OTLP_AUTHORIZATION" } },
      alerts: {
        webhooks: [
          { format: "slack", url: { variable: "SLACK_WEBHOOK_URL" } },
          { format: "standard", url: "https://ops.example.com/alerts", secret: "ALERT_SECRET" },
        ],
      },
    });
    const set = new Set(["SLUICE_API_TOKEN", "SLUICE_ADMIN_TOKEN", "OTLP_ENDPOINT"]);
    const { missing } = readinessOf(config, { has: (name) => set.has(name), value: () => undefined }, true);
    expect(missing.map(({ part, binding }) => [part, binding])).toEqual([
      ["traces", "OTLP_AUTHORIZATION"],
      ["alerts.webhooks[0]", "SLACK_WEBHOOK_URL"],
      ["alerts.webhooks[1]", "ALERT_SECRET"],
    ]);
  });

  it("is refused with the key and the mend where it cannot be meant", () => {
    const traces = { endpoint: "https://otlp.example.com/v1/traces" };
    expect(() => defineGateway({ ...parts, traces: { ...traces, sampleShare: 10 } })).toThrow(
      /traces\.sampleShare.*0 to 1/,
    );
    expect(() =>
      defineGateway({ ...parts, traces: { ...traces, headers: { authorization: "Bearer x" } } }),
    ).toThrow(/traces\.headers/);
    expect(() => defineGateway({ ...parts, alerts: { webhooks: [], margin: { depth: 1 } } })).toThrow(
      /alerts\.margin\.depth/,
    );
    expect(() =>
      defineGateway({ ...parts, alerts: { webhooks: [], above: { "dead-letters": -1 } } }),
    ).toThrow(/alerts\.above\.dead-letters/);
  });
});
