/** `npm run dev`: `sluice dev` over the showcase, with the chat page and the reader of its outgoing queue beside it. */
import { runDev } from "../src/cli/dev.ts";
import { startChatPage } from "./chat-page/server.ts";
import { commandLine, PORTS } from "./lib/command-line.ts";
import { LOCAL_API_TOKEN } from "./lib/local-tokens.ts";

const USAGE = `npm run dev -- [options]
  --port 8787          the gateway's
  --model-port 8790    the stand-in model's; 0 takes a free one, as for the two below
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
const page = await startChatPage({
  port: wholeNumber("--page-port", values["page-port"], PORTS),
  gateway: () => ({ url: `http://127.0.0.1:${port}`, apiToken: LOCAL_API_TOKEN }),
});
console.log(`chat page ${page.url}`);
try {
  process.exitCode = await runDev({
    port,
    modelPort: wholeNumber("--model-port", values["model-port"], PORTS),
    sinkPort: wholeNumber("--sink-port", values["sink-port"], PORTS),
    beside: ["dev/workers/verdict-reader.toml"],
    variables: { PAGE_ORIGIN: page.url },
  });
} finally {
  await page.close();
}
