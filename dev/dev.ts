/**
 * `npm run dev`: the gateway under `wrangler dev`, watching, with the embedded model server, the sink and a chat page beside it.
 * Secrets have local values; `.dev.vars` overrides them. Ends everything it started on Ctrl-C.
 */
import { spawn, spawnSync } from "node:child_process";
import { commandLine, PORTS } from "./lib/command-line.ts";
import { tickEveryMinute } from "./lib/cron.ts";
import {
  LOCAL_ADMIN_TOKEN,
  LOCAL_API_TOKEN,
  LOCAL_DELIVERY_SECRET,
  LOCAL_SECRETS,
} from "./lib/local-secrets.ts";

const USAGE = `npm run dev -- [options]
  --port 8787          the gateway's
  --model-port 8790    the embedded model server's; 0 takes a free one, as for the two below
  --sink-port 8791     where the gateway delivers to
  --page-port 8792     the chat page's`;

const { values, wholeNumber } = commandLine(USAGE, {
  options: {
    port: { type: "string", default: "8787" },
    "model-port": { type: "string", default: "8790" },
    "sink-port": { type: "string", default: "8791" },
    "page-port": { type: "string", default: "8792" },
  },
});

const port = wholeNumber("--port", values.port, { ...PORTS, atLeast: 1 });
const modelPort = wholeNumber("--model-port", values["model-port"], PORTS);
const sinkPort = wholeNumber("--sink-port", values["sink-port"], PORTS);
const pagePort = wholeNumber("--page-port", values["page-port"], PORTS);

// After the options are read: these take a while to load.
const { startModelServer } = await import("./model-server/server.ts");
const { startSink } = await import("./sink/server.ts");
const { startChatPage } = await import("./chat-page/server.ts");

const model = await startModelServer({ port: modelPort });
const sink = await startSink({ port: sinkPort, secrets: [LOCAL_DELIVERY_SECRET] });
const page = await startChatPage({
  port: pagePort,
  gateway: () => ({ url: `http://127.0.0.1:${port}`, apiToken: LOCAL_API_TOKEN }),
});
const vars: Readonly<Record<string, string>> = {
  ...LOCAL_SECRETS,
  MODEL_BASE_URL: `${model.url}/v1`,
  BOOKS_URL: `${sink.url}/books`,
  TRACKER_URL: `${sink.url}/tracker`,
  CRM_URL: `${sink.url}/crm`,
  ARCHIVE_URL: `${sink.url}/archive`,
  PAGE_ORIGIN: page.url,
};

console.log(`model server ${model.url}/v1   sink ${sink.url} (records at /__control/records)`);
console.log(`chat page ${page.url}`);
console.log(`API token for /v1: ${LOCAL_API_TOKEN}`);
console.log(`dashboard http://127.0.0.1:${port}/dashboard   log in with ${LOCAL_ADMIN_TOKEN}\n`);

spawnSync("wrangler", ["d1", "migrations", "apply", "LEDGER", "--local"], {
  stdio: "ignore",
  env: { ...process.env, CI: "true" },
});
const wrangler = spawn(
  "wrangler",
  [
    "dev",
    "--config=wrangler.toml",
    "--config=dev/workers/verdict-reader.toml",
    `--port=${port}`,
    "--ip=127.0.0.1",
    ...Object.entries(vars).map(([name, value]) => `--var=${name}:${value}`),
    `--var=SINK_URL:${sink.url}`,
  ],
  { stdio: "inherit", env: { ...process.env, CLOUDFLARE_CF_FETCH_ENABLED: "false" } },
);
// The local runtime has no cron: the sweep, samples, alerts and replays are driven from here.
const stopTicking = tickEveryMinute(async () => {
  await fetch(`http://127.0.0.1:${port}/cdn-cgi/local/scheduled`);
});
const stop = () => wrangler.kill("SIGINT");
process.on("SIGINT", stop);
process.on("SIGTERM", stop);
wrangler.on("exit", (code) => {
  void Promise.all([stopTicking(), model.close(), sink.close(), page.close()]).then(() => {
    process.exitCode = code ?? 0;
    process.removeAllListeners("SIGINT");
    process.removeAllListeners("SIGTERM");
  });
});
