/**
 * The gateway's runtime as a process that can be killed: the Worker under wrangler, its storage in a folder that
 * outlives it. Started by `dev/chaos/main.ts` alone: `node dev/chaos/runtime/main.ts CONFIG STATE PORT`.
 */
import { commandLine, PORTS } from "../../lib/command-line.ts";

const USAGE = `node dev/chaos/runtime/main.ts CONFIG STATE PORT
  CONFIG               the Worker's configuration, as JSON
  STATE                the folder of its storage
  PORT                 on loopback`;

const { positionals, wholeNumber, refuse } = commandLine(USAGE, { allowPositionals: true });
const [config = "", persist = "", portText = "", ...more] = positionals;
if (portText === "" || more.length > 0) refuse("It takes CONFIG, STATE and PORT.");
const port = wholeNumber("PORT", portText, PORTS);
const { unstable_startWorker } = await import("wrangler");
const worker = await unstable_startWorker({
  config,
  dev: {
    persist,
    server: { hostname: "127.0.0.1", port },
    inspector: false,
    watch: false,
    logLevel: "warn",
  },
});
await worker.ready;
