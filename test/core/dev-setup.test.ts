import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, expect, it } from "vitest";
import * as z from "zod";
import { planSteps, type DeploymentConfig, type PlanOptions } from "../../src/cli/setup/plan.ts";
import { runSteps, showSteps } from "../../src/cli/setup/run.ts";
import { planSecrets } from "../../src/cli/setup/secrets.ts";
import { smoke } from "../../src/cli/setup/smoke-checks.ts";
import type { RunWrangler } from "../../src/cli/setup/wrangler.ts";

process.env["WRANGLER_LOG"] ??= "error";
const { unstable_readConfig: readConfig } = await import("wrangler");

const config: DeploymentConfig = {
  name: "sluice",
  queues: {
    producers: [{ queue: "sluice-high" }, { queue: "sluice-telemetry" }],
    consumers: [
      { queue: "sluice-high", dead_letter_queue: "sluice-undeliverable" },
      { queue: "sluice-telemetry" },
    ],
  },
  d1_databases: [{ database_name: "sluice-ledger" }],
  r2_buckets: [{ bucket_name: "sluice-payloads" }],
};
const options: PlanOptions = {
  environment: null,
  retentionSeconds: 1_209_600,
  jurisdiction: null,
  deploy: true,
};

/** An account that remembers what was made in it. */
function account() {
  const there = new Set<string>();
  const run: string[] = [];
  const nameOf = (args: readonly string[]) => `${args[0]} ${args.find((arg) => arg.startsWith("sluice"))}`;
  const wrangler: RunWrangler = async (args) => {
    if (args.includes("info")) return { code: there.has(nameOf(args)) ? 0 : 1, text: "" };
    run.push(args.join(" "));
    if (args.includes("create")) {
      if (there.has(nameOf(args))) return { code: 1, text: "already exists" };
      there.add(nameOf(args));
    }
    return { code: 0, text: "" };
  };
  return { wrangler, run };
}

const silent = { say: () => undefined };

describe("setting up", () => {
  it("makes every queue once with its retention, dead letters too, and has the tables before the code that needs them", async () => {
    const { wrangler, run } = account();
    expect(await runSteps(planSteps(config, options), wrangler, silent)).toBe(true);
    expect(run).toEqual([
      "queues create sluice-high --message-retention-period-secs 1209600",
      "queues create sluice-telemetry --message-retention-period-secs 1209600",
      "queues create sluice-undeliverable --message-retention-period-secs 1209600",
      "r2 bucket create sluice-payloads",
      "d1 create sluice-ledger",
      "d1 migrations apply sluice-ledger --remote --env=",
      "deploy --env= --durable-objects-code-update-mode=immediate",
    ]);
  });

  it("creates nothing the second time, and sees to the retention all the same", async () => {
    const { wrangler, run } = account();
    await runSteps(planSteps(config, options), wrangler, silent);
    run.length = 0;
    expect(await runSteps(planSteps(config, options), wrangler, silent)).toBe(true);
    expect(run.filter((command) => command.includes("create"))).toEqual([]);
    expect(run).toContain("queues update sluice-high --message-retention-period-secs 1209600");
  });

  it("stops at a step that fails, and goes on from there the next time", async () => {
    const { wrangler, run } = account();
    let isBroken = true;
    const flaky: RunWrangler = async (args, how) =>
      isBroken && args[0] === "d1" && args[1] === "create" ? { code: 1, text: "no" } : wrangler(args, how);
    expect(await runSteps(planSteps(config, options), flaky, silent)).toBe(false);
    expect(run.at(-1)).toBe("r2 bucket create sluice-payloads");
    isBroken = false;
    expect(await runSteps(planSteps(config, options), flaky, silent)).toBe(true);
    expect(run.filter((command) => command.startsWith("d1 create"))).toHaveLength(1);
  });

  it("only prints in a dry run", () => {
    const lines: string[] = [];
    showSteps(planSteps(config, { ...options, environment: "staging", jurisdiction: "eu" }), {
      say: (line) => void lines.push(line),
    });
    expect(lines).toContain(
      "npx wrangler queues create sluice-high --message-retention-period-secs 1209600 --jurisdiction eu",
    );
    expect(lines).toContain("npx wrangler deploy --env=staging --durable-objects-code-update-mode=immediate");
  });
});

/** Wrangler's own type leaves most of it open. */
const provisionedSchema = z.looseObject({
  queues: z.object({
    producers: z.array(z.looseObject({ queue: z.string(), binding: z.string() })),
    consumers: z.array(z.looseObject({ queue: z.string(), dead_letter_queue: z.string().optional() })),
  }),
  d1_databases: z.array(z.looseObject({ binding: z.string(), database_name: z.string() })),
  r2_buckets: z.array(
    z.looseObject({ binding: z.string(), bucket_name: z.string(), jurisdiction: z.string().optional() }),
  ),
});

describe("a jurisdiction's own", () => {
  it("is in wrangler.toml for whoever takes its mark away: complete, in staging too, and made inside the jurisdiction", async () => {
    const folder = await mkdtemp(path.join(tmpdir(), "sluice-"));
    const file = path.join(folder, "wrangler.toml");
    const text = await readFile("wrangler.toml", "utf8");
    await writeFile(file, text.replaceAll(/^#eu ?/gm, ""));
    for (const environment of [undefined, "staging"]) {
      const { queues, d1_databases, r2_buckets } = provisionedSchema.parse(
        readConfig({ config: file, ...(environment === undefined ? {} : { env: environment }) }),
      );
      const { producers, consumers } = queues;
      const bindings = [...producers, ...d1_databases, ...r2_buckets].map(({ binding }) => binding);
      for (const common of ["LANE_HIGH", "LANE_NORMAL", "LANE_LOW", "TELEMETRY", "LEDGER", "PAYLOADS"]) {
        expect(bindings).toContain(common);
        expect(bindings).toContain(`${common}_EU`);
      }
      // What consumes the one consumes the other alike, and neither's dead letters leave for the other's queue.
      const settings = (suffix: string) =>
        consumers
          .filter(({ queue }) => queue.endsWith("-eu") === (suffix === "-eu"))
          .map((consumer) => JSON.stringify(consumer).replaceAll("-eu", ""))
          .sort();
      expect(settings("-eu")).toEqual(settings(""));
      const steps = planSteps({ name: "sluice", queues, d1_databases, r2_buckets }, options);
      const made = steps.map(({ create }) => create).filter((create) => create.includes("create"));
      expect(made.length).toBeGreaterThan(12);
      for (const create of made) {
        const isTheirs = create.some((word) => word.endsWith("-eu"));
        expect([create, create.includes("--jurisdiction")]).toEqual([create, isTheirs]);
      }
    }
    await rm(folder, { recursive: true });
  });
});

describe("secrets", () => {
  const gateway = {
    apiTokens: ["SLUICE_API_TOKEN"],
    destinations: new Map([
      ["crm", { kind: "http", secret: "DELIVERY_SECRET" }],
      ["verdicts", { kind: "queue" }],
    ]),
  };
  const lacks = (binding: string) => ({ part: "part", binding, effect: "waits" });
  const bytes = (count: number) => new Uint8Array(count).fill(7);

  it("that are only ours are made; a sender's or a model's is asked for, never invented", () => {
    const missing = [
      lacks("SLUICE_API_TOKEN"),
      lacks("DELIVERY_SECRET"),
      lacks("STRIPE_SECRET"),
      lacks("STRIPE_SECRET"),
    ];
    const plan = planSecrets(gateway, missing, {}, ["SLUICE_ADMIN_TOKEN"], bytes);
    expect(Object.keys(plan.set)).toEqual(["SLUICE_API_TOKEN", "DELIVERY_SECRET", "SLUICE_ADMIN_TOKEN"]);
    expect(plan.set["DELIVERY_SECRET"]).toBe(`whsec_${Buffer.from(bytes(32)).toString("base64")}`);
    expect(plan.asked.map(({ binding }) => binding)).toEqual(["STRIPE_SECRET"]);
  });

  it("that are given are set and not made; those that are set already are left alone", () => {
    const plan = planSecrets(
      gateway,
      [lacks("DELIVERY_SECRET")],
      { DELIVERY_SECRET: "whsec_theirs" },
      [],
      bytes,
    );
    expect(plan).toEqual({ set: { DELIVERY_SECRET: "whsec_theirs" }, made: [], asked: [] });
  });
});

describe("staging", () => {
  it("has every binding of production, and shares nothing with it", () => {
    const production = readConfig({ config: "wrangler.toml" });
    const staging = readConfig({ config: "wrangler.toml", env: "staging" });
    const renamed = (value: unknown): unknown =>
      JSON.parse(
        JSON.stringify(value)
          .replaceAll('"sluice-staging', '"sluice')
          .replaceAll('"sluice_staging"', '"sluice"')
          .replaceAll('"7502"', '"7501"'),
      );
    for (const key of [
      "queues",
      "durable_objects",
      "kv_namespaces",
      "d1_databases",
      "r2_buckets",
      "analytics_engine_datasets",
      "ratelimits",
    ] as const) {
      expect([key, renamed(staging[key])]).toEqual([key, renamed(production[key])]);
    }
    expect(Object.keys(staging.vars)).toEqual(Object.keys(production.vars));
    expect(staging.triggers).toEqual(production.triggers);
    expect(staging.migrations).toEqual(production.migrations);
    const names = (text: string) => new Set(text.match(/"sluice-[a-z-]+"/g));
    const shared = names(JSON.stringify([staging.queues, staging.d1_databases, staging.r2_buckets]));
    for (const name of names(
      JSON.stringify([production.queues, production.d1_databases, production.r2_buckets]),
    )) {
      expect(shared.has(name)).toBe(false);
    }
  });
});

describe("the smoke test", () => {
  const answers: Readonly<Record<string, (authorized: boolean) => Response>> = {
    "/healthz": () => Response.json({ status: "ok" }),
    "/readyz": () => Response.json({ status: "ready", missing: [] }),
    "/in/no-such-source": () => new Response(null, { status: 404 }),
    "/metrics": (authorized) => new Response(null, { status: authorized ? 200 : 401 }),
    "/v1/events/evt_x": (authorized) => new Response(null, { status: authorized ? 400 : 401 }),
  };
  const gateway =
    (changes: typeof answers = {}): typeof fetch =>
    async (input, init) => {
      const { pathname } = new URL(input instanceof Request ? input.url : input);
      const authorized = new Headers(init?.headers).get("authorization") === "Bearer right";
      return { ...answers, ...changes }[pathname]?.(authorized) ?? new Response(null, { status: 500 });
    };
  const outcomes = async (fake: typeof fetch, token: string | null) =>
    (await smoke({ url: "https://sluice.test", token, fetch: fake })).map(({ outcome }) => outcome);

  it("passes a gateway that answers as it must, and says what it left out without a token", async () => {
    expect(await outcomes(gateway(), "right")).toEqual(Array.from({ length: 7 }, () => "ok"));
    expect((await outcomes(gateway(), null)).filter((outcome) => outcome === "skipped")).toHaveLength(2);
  });

  it("fails an open door, a missing secret, a wrong token, and a gateway that is not there", async () => {
    const open = gateway({ "/metrics": () => new Response("…") });
    expect(await outcomes(open, "right")).toContain("failed");
    const missing = [
      { part: "sources.stripe", binding: "STRIPE_SECRET", effect: "POST /in/stripe answers 503" },
    ];
    const incomplete = gateway({
      "/readyz": () => Response.json({ status: "incomplete", missing }, { status: 503 }),
    });
    const results = await smoke({ url: "https://sluice.test", token: null, fetch: incomplete });
    expect(results.find(({ outcome }) => outcome === "failed")?.detail).toContain("STRIPE_SECRET");
    expect(await outcomes(gateway(), "wrong")).toContain("failed");
    const nobody = await outcomes(() => Promise.reject(new Error("refused")), null);
    expect(nobody).not.toContain("ok");
  });
});
