/** What `/readyz` says is missing. */
import { expect, it } from "vitest";
import { defineGateway } from "../../src/config/define-gateway.ts";
import { openaiCompatible } from "../../src/models/openai-compatible.ts";
import { readinessOf } from "../../src/operator/readiness.ts";

it("names the variables that a model's regional endpoints lack, each with its endpoint, and nothing twice", () => {
  const config = defineGateway({
    sources: {},
    destinations: {},
    models: {
      fast: openaiCompatible({
        baseUrl: { variable: "CENTRAL_URL" },
        model: "m",
        apiKey: "MODEL_KEY",
        endpoints: [
          { region: "EU", baseUrl: { variable: "EU_URL" } },
          { region: "NA", baseUrl: { variable: "NA_URL" } },
          { region: "AS", baseUrl: "https://asia.example/v1" },
          { region: "OC", baseUrl: { variable: "CENTRAL_URL" } },
        ],
      }),
    },
  });
  const missingBut = (...names: string[]) => {
    const set = new Set(["SLUICE_API_TOKEN", "SLUICE_ADMIN_TOKEN", ...names]);
    const { status, missing } = readinessOf(config, (name) => (set.has(name) ? "set" : undefined));
    return { status, missing: missing.map(({ part, binding }) => `${part} ${binding}`) };
  };
  expect(missingBut("MODEL_KEY", "EU_URL")).toEqual({
    status: "incomplete",
    missing: ["models.fast CENTRAL_URL", "models.fast.endpoints.NA NA_URL"],
  });
  expect(missingBut("MODEL_KEY", "CENTRAL_URL", "EU_URL", "NA_URL")).toEqual({
    status: "ready",
    missing: [],
  });
});
