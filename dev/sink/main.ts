/** Command line of the sink: `node dev/sink/main.ts --port 8791 --secret whsec_…`. */
import { commandLine, PORTS } from "../lib/command-line.ts";
import { startSink } from "./server.ts";

const USAGE = `node dev/sink/main.ts [options]
  --port 8791       0 takes a free port
  --host 127.0.0.1
  --secret whsec_…  to check signatures with (repeatable)
  --record FILE     append every delivery as a JSON line`;

const { values, wholeNumber } = commandLine(USAGE, {
  options: {
    port: { type: "string", default: "8791" },
    host: { type: "string", default: "127.0.0.1" },
    secret: { type: "string", multiple: true },
    record: { type: "string" },
  },
});

const sink = await startSink({
  port: wholeNumber("--port", values.port, PORTS),
  host: values.host,
  ...(values.secret === undefined ? {} : { secrets: values.secret }),
  ...(values.record === undefined ? {} : { recordFile: values.record }),
});
console.log(`sink on ${sink.url}`);
