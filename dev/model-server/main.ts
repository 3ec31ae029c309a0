/** Command line of the model server: `node dev/model-server/main.ts --port 8790`. */
import { parseArgs } from "node:util";
import { numberOption } from "../lib/command-line.ts";
import type { ModelServerOptions } from "./options.ts";
import { startModelServer } from "./server.ts";

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

const { values } = parseArgs({
  options: {
    port: { type: "string" },
    host: { type: "string" },
    "api-key": { type: "string" },
    "requests-per-minute": { type: "string" },
    "tokens-per-minute": { type: "string" },
    "token-delay-ms": { type: "string" },
    "latency-ms": { type: "string" },
    record: { type: "string" },
    model: { type: "string", multiple: true },
    help: { type: "boolean" },
  },
});

if (values.help === true) {
  console.log(USAGE);
} else {
  const options: ModelServerOptions = {
    ...numberOption("port", values.port),
    ...numberOption("requestsPerMinute", values["requests-per-minute"]),
    ...numberOption("tokensPerMinute", values["tokens-per-minute"]),
    ...numberOption("tokenDelayMs", values["token-delay-ms"]),
    ...numberOption("latencyMs", values["latency-ms"]),
    ...(values.host === undefined ? {} : { host: values.host }),
    ...(values["api-key"] === undefined ? {} : { apiKey: values["api-key"] }),
    ...(values.record === undefined ? {} : { recordFile: values.record }),
    ...(values.model === undefined ? {} : { models: values.model }),
  };
  const server = await startModelServer(options);
  console.log(`model server (stand-in) on ${server.url}/v1`);
}
