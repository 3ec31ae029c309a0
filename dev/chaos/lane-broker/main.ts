/** The lane broker as a process: `node dev/chaos/lane-broker/main.ts PORT GATEWAY_URL JOURNAL SEED`. */
import { startLaneBroker } from "./server.ts";

const [port, gatewayUrl, journal, seed] = process.argv.slice(2);
if (port === undefined || gatewayUrl === undefined || journal === undefined) {
  throw new Error("node dev/chaos/lane-broker/main.ts PORT GATEWAY_URL JOURNAL SEED");
}
await startLaneBroker({ port: Number(port), gatewayUrl, journal, seed: Number(seed ?? "1") });
