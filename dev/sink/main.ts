/** Command line of the sink: `node dev/sink/main.ts --port 8791 --secret whsec_…`. */
import { parseArgs } from "node:util";
import { numberOption } from "../lib/command-line.ts";
import { startSink } from "./server.ts";

const USAGE = `node dev/sink/main.ts [options]
  --port 8791       0 takes a free port
  --host 127.0.0.1
  --secret whsec_…  to check signatures with (repeatable)
  --record FILE     append every delivery as a JSON line`;

const { values } = parseArgs({
  options: {
    port: { type: "string" },
    host: { type: "string" },
    secret: { type: "string", multiple: true },
    record: { type: "string" },
    help: { type: "boolean" },
  },
});

if (values.help === true) {
  console.log(USAGE);
} else {
  const sink = await startSink({
    ...numberOption("port", values.port),
    ...(values.host === undefined ? {} : { host: values.host }),
    ...(values.secret === undefined ? {} : { secrets: values.secret }),
    ...(values.record === undefined ? {} : { recordFile: values.record }),
  });
  console.log(`sink on ${sink.url}`);
}
