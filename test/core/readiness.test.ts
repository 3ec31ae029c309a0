/** What `/readyz` says is missing. */
import * as z from "zod";
import { expect, it } from "vitest";
import {
  defineGateway,
  defineSource,
  httpDestination,
  openaiCompatible,
  queueDestination,
  standardWebhooks,
} from "../../src/index.ts";
import { readinessOf } from "../../src/services/readiness.ts";

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
    const { status, missing } = readinessOf(
      config,
      { has: (name) => set.has(name), value: () => undefined },
      true,
    );
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

it("names what cannot work: an address of this machine on Cloudflare, malformed secrets, a queue that is not bound", () => {
  const config = defineGateway({
    sources: {
      shop: defineSource({
        verify: standardWebhooks({ secrets: ["SHOP_SECRET"] }),
        events: { "*": z.unknown() },
        partitionBy: () => null,
        routes: () => [],
      }),
    },
    models: { fast: openaiCompatible({ baseUrl: { variable: "MODEL_BASE_URL" }, model: "m" }) },
    destinations: {
      crm: httpDestination({ url: "http://localhost:8791/crm", secret: "DELIVERY_SECRET" }),
      out: queueDestination({ binding: "OUT" }),
    },
  });
  const values: Readonly<Record<string, string>> = {
    SHOP_SECRET: "paste-me",
    MODEL_BASE_URL: "api.example.com/v1",
    DELIVERY_SECRET: "short",
    SLUICE_API_TOKEN: "token",
  };
  const bound = { has: (name: string) => name in values, value: (name: string) => values[name] };
  const told = (isDeployed: boolean) => {
    const { status, missing, wrong } = readinessOf(config, bound, isDeployed);
    expect(status).toBe("incomplete");
    return [...missing.map(({ binding }) => binding), ...wrong.map(({ part, binding }) => binding ?? part)];
  };
  expect(told(true)).toEqual(["OUT", "SHOP_SECRET", "DELIVERY_SECRET", "MODEL_BASE_URL", "destinations.crm"]);
  expect(told(false)).toEqual(["OUT", "SHOP_SECRET", "DELIVERY_SECRET", "MODEL_BASE_URL"]);
  // Names alone are told: no value of a secret or a variable.
  expect(JSON.stringify(readinessOf(config, bound, true))).not.toMatch(/paste-me|api\.example|"short"/);
});
