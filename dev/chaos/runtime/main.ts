/**
 * The gateway's runtime as a process that can be killed: the Worker under wrangler, its storage in a folder that
 * outlives it. Started by `dev/chaos/main.ts` alone: `node dev/chaos/runtime/main.ts CONFIG STATE PORT`.
 */
import { unstable_startWorker } from "wrangler";

const [config, persist, port] = process.argv.slice(2);
if (config === undefined || persist === undefined || port === undefined) {
  throw new Error("node dev/chaos/runtime/main.ts CONFIG STATE PORT");
}
const worker = await unstable_startWorker({
  config,
  dev: {
    persist,
    server: { hostname: "127.0.0.1", port: Number(port) },
    inspector: false,
    watch: false,
    logLevel: "warn",
  },
});
await worker.ready;
