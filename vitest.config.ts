import { cloudflareTest, readD1Migrations } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";

// core: plain Node. workers: inside workerd, many files in one; workers-alone: a runtime for each. e2e: the whole Worker from wrangler.toml, driven from Node. browser: the same,
// watched from Chromium; run by `npm run test:browser` alone, because `npm test` needs nothing but Node.

/** They count what the runtime has seen, or change what it is made of. */
const ALONE = [
  "cache-results",
  "ingest-handshakes",
  "ingest-senders",
  "ingest-shedding",
  "partition-faults",
  "telemetry-metrics",
  "telemetry-route",
].map((name) => `test/workers/${name}.test.ts`);

const workersPlugin = () =>
  cloudflareTest({
    main: "./test/workers/worker.ts",
    wrangler: { configPath: "./wrangler.toml" },
    // For tests of a jurisdiction's own: a ledger and a bucket beside the common ones.
    miniflare: { d1Databases: ["OTHER_LEDGER"], r2Buckets: ["OTHER_PAYLOADS"] },
  });
/** Ends a test that hangs, and no other: a machine may stand still for seconds. No promise is held against a clock. */
const PATIENT = { testTimeout: 30_000, hookTimeout: 30_000 };

const workers = {
  ...PATIENT,
  sequence: { groupOrder: 1 },
  provide: { ledgerMigrations: await readD1Migrations("src/ledger/migrations") },
  // All of them, so that none is discovered, and the module graph rebuilt, while tests run.
  deps: {
    optimizer: {
      ssr: {
        enabled: true,
        include: [
          "itty-durable",
          "zod",
          "hono",
          "hono/jsx/jsx-runtime",
          "hono/jsx/jsx-dev-runtime",
          "eventsource-parser",
          "@ai-sdk/provider",
          "@ai-sdk/openai-compatible",
          "@ai-sdk/anthropic",
          "@ai-sdk/google",
          "jose/decode/protected_header",
          "jose/jwt/verify",
          "jose/key/import",
        ],
      },
    },
  },
};

/** Plain Node, and the simulation's files as long as each other: both cores work. Before what needs workerd. */
const BESIDE_EACH_OTHER = { ...PATIENT, maxWorkers: 2, sequence: { groupOrder: 0 } };

export default defineConfig({
  test: {
    projects: [
      {
        // The simulation runs the Durable Object outside workerd, on a stand-in for the platform's base class.
        resolve: {
          // The examples import the package by its name; tsconfig.json says where it is.
          tsconfigPaths: true,
          alias: {
            "cloudflare:workers": new URL("test/simulation/cloudflare-workers.ts", import.meta.url).pathname,
          },
        },
        test: {
          name: "core",
          include: ["test/core/**/*.test.ts", "examples/showcase/test/*.test.ts"],
          exclude: ["test/core/senders*.test.ts"],
          environment: "node",
          // Nothing here leaves anything behind: one process for many files saves most of the time they take.
          isolate: false,
          ...BESIDE_EACH_OTHER,
        },
      },
      // Keys and certificates are kept per isolate: each of these has one of its own.
      {
        test: {
          name: "senders",
          include: ["test/core/senders*.test.ts"],
          environment: "node",
          ...BESIDE_EACH_OTHER,
        },
      },
      {
        plugins: [workersPlugin()],
        test: {
          ...workers,
          name: "workers",
          include: ["test/workers/**/*.test.ts"],
          exclude: ALONE,
          // Starting the runtime takes longer than most files run.
          isolate: false,
          setupFiles: ["test/workers/empty-storage.ts"],
        },
      },
      { plugins: [workersPlugin()], test: { ...workers, name: "workers-alone", include: ALONE } },
      {
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          environment: "node",
          testTimeout: 180_000,
          hookTimeout: 180_000,
          // These wait for timers more than they work. After the other projects, which need the whole machine.
          maxWorkers: 3,
          sequence: { groupOrder: 2 },
        },
      },
      {
        // The real wrangler against a stand-in for Cloudflare's API: dozens of its runs, two seconds each.
        test: {
          name: "setup",
          include: ["test/setup/**/*.test.ts"],
          environment: "node",
          testTimeout: 240_000,
          hookTimeout: 240_000,
        },
      },
      {
        // The packed tarball in an empty folder: installs from the registry, so `npm test` does without it.
        test: {
          name: "package",
          include: ["test/package/**/*.test.ts", "test/docs/**/*.test.ts"],
          environment: "node",
          testTimeout: 240_000,
          hookTimeout: 240_000,
        },
      },
      {
        test: {
          name: "browser",
          include: ["test/browser/**/*.test.ts"],
          environment: "node",
          testTimeout: 180_000,
          hookTimeout: 180_000,
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
});
