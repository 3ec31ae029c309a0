/** Command line of the model server: `node dev/model-server/main.ts --port 8790`. */
import { commandLine, PORTS } from "../lib/command-line.ts";

const USAGE = `node dev/model-server/main.ts [options]
  --port 8790                 0 takes a free port
  --host 127.0.0.1
  --api-key KEY               refuse requests without this bearer key
  --requests-per-minute 10000
  --tokens-per-minute 2000000 in this server's own tokens
  --token-delay-ms 8          between the chunks of a stream
  --latency-ms 0              before any answer
  --record FILE               append every call as a JSON line
  --model ID                  one more model id to answer to (repeatable)`;

const { values, number, wholeNumber } = commandLine(USAGE, {
  options: {
    port: { type: "string", default: "8790" },
    host: { type: "string", default: "127.0.0.1" },
    "api-key": { type: "string" },
    "requests-per-minute": { type: "string", default: "10000" },
    "tokens-per-minute": { type: "string", default: "2000000" },
    "token-delay-ms": { type: "string", default: "8" },
    "latency-ms": { type: "string", default: "0" },
    record: { type: "string" },
    model: { type: "string", multiple: true },
  },
});

const limits = {
  port: wholeNumber("--port", values.port, PORTS),
  requestsPerMinute: number("--requests-per-minute", values["requests-per-minute"], { atLeast: 0 }),
  tokensPerMinute: number("--tokens-per-minute", values["tokens-per-minute"], { atLeast: 0 }),
  tokenDelayMs: number("--token-delay-ms", values["token-delay-ms"], { atLeast: 0 }),
  latencyMs: number("--latency-ms", values["latency-ms"], { atLeast: 0 }),
};

// After the options are read: its language model takes a while to load.
const { startModelServer } = await import("./server.ts");
const server = await startModelServer({
  ...limits,
  host: values.host,
  ...(values["api-key"] === undefined ? {} : { apiKey: values["api-key"] }),
  ...(values.record === undefined ? {} : { recordFile: values.record }),
  ...(values.model === undefined ? {} : { models: values.model }),
});
console.log(`model server (stand-in) on ${server.url}/v1`);
