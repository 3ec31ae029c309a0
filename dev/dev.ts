/**
 * `npm run dev`: the gateway under `wrangler dev`, watching, with the embedded model server, the sink and a chat page beside it.
 * Secrets have local values; `.dev.vars` overrides them. Ends everything it started on Ctrl-C.
 */
import { spawn, spawnSync } from "node:child_process";
import { parseArgs } from "node:util";
import { startChatPage } from "./chat-page/server.ts";
import { tickEveryMinute } from "./lib/cron.ts";
import {
  LOCAL_ADMIN_TOKEN,
  LOCAL_API_TOKEN,
  LOCAL_DELIVERY_SECRET,
  LOCAL_SECRETS,
} from "./lib/local-secrets.ts";
import { startModelServer } from "./model-server/server.ts";
import { startSink } from "./sink/server.ts";

const { values } = parseArgs({
  options: {
    port: { type: "string", default: "8787" },
    "model-port": { type: "string", default: "8790" },
    "sink-port": { type: "string", default: "8791" },
    "page-port": { type: "string", default: "8792" },
  },
});

const model = await startModelServer({ port: Number(values["model-port"]) });
const sink = await startSink({ port: Number(values["sink-port"]), secrets: [LOCAL_DELIVERY_SECRET] });
const page = await startChatPage({
  port: Number(values["page-port"]),
  gateway: () => ({ url: `http://127.0.0.1:${values.port}`, apiToken: LOCAL_API_TOKEN }),
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
console.log(`dashboard http://127.0.0.1:${values.port}/dashboard   log in with ${LOCAL_ADMIN_TOKEN}\n`);

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
    `--port=${values.port}`,
    "--ip=127.0.0.1",
    ...Object.entries(vars).map(([name, value]) => `--var=${name}:${value}`),
    `--var=SINK_URL:${sink.url}`,
  ],
  { stdio: "inherit", env: { ...process.env, CLOUDFLARE_CF_FETCH_ENABLED: "false" } },
);
// The local runtime has no cron: the sweep, samples, alerts and replays are driven from here.
const stopTicking = tickEveryMinute(async () => {
  await fetch(`http://127.0.0.1:${values.port}/cdn-cgi/local/scheduled`);
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
