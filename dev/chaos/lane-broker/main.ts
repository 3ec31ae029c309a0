/** The lane broker as a process: `node dev/chaos/lane-broker/main.ts PORT GATEWAY_URL JOURNAL SEED`. */
import { commandLine, PORTS } from "../../lib/command-line.ts";
import { startLaneBroker } from "./server.ts";

const USAGE = `node dev/chaos/lane-broker/main.ts PORT GATEWAY_URL JOURNAL [SEED]
  PORT                 on loopback; 0 takes a free one
  GATEWAY_URL          where the batches go
  JOURNAL              the file that keeps the messages
  SEED                 1: what is shuffled, doubled and delayed`;

const { positionals, wholeNumber, refuse } = commandLine(USAGE, { allowPositionals: true });
const [port = "", gatewayUrl = "", journal = "", seed = "1", ...more] = positionals;
if (journal === "" || more.length > 0) refuse("It takes PORT, GATEWAY_URL, JOURNAL and SEED.");
await startLaneBroker({
  port: wholeNumber("PORT", port, PORTS),
  gatewayUrl,
  journal,
  seed: wholeNumber("SEED", seed, { atLeast: 0 }),
});
