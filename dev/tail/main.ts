/**
 * `npm run tail -- --url https://… [--state dead,review] [--source stripe] [--pipeline triage] [--customer space:key] [--json]`:
 * follows events in the terminal. The token is --token or SLUICE_ADMIN_TOKEN; without --url it is the local gateway's.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { messageOf } from "../../src/core/result.ts";
import { commandLine } from "../lib/command-line.ts";
import { createFollower, lineOf } from "./follow.ts";

const LOCAL_GATEWAY = "http://localhost:8787";
const FILTERS = ["state", "source", "type", "pipeline", "customer", "code"] as const;
const EVERY_MS = 2_000;
const MINUTE_MS = 60_000;

const USAGE = `npm run tail -- [options]
  --url ${LOCAL_GATEWAY}
  --token TOKEN        of the operator API; default: SLUICE_ADMIN_TOKEN
  --since 10           minutes to look back over
  --json               an event a line, as JSON
  --once               show what there is, and end
  Only events of which this holds; several values are separated by commas:
  --state dead,review
  --source stripe
  --type invoice.paid
  --pipeline triage
  --customer space:key
  --code timeout       why it failed`;

const {
  values,
  number,
  url: readUrl,
  refuse,
} = commandLine(USAGE, {
  options: {
    url: { type: "string", default: LOCAL_GATEWAY },
    token: { type: "string" },
    since: { type: "string", default: "10" },
    json: { type: "boolean", default: false },
    once: { type: "boolean", default: false },
    state: { type: "string" },
    source: { type: "string" },
    type: { type: "string" },
    pipeline: { type: "string" },
    customer: { type: "string" },
    code: { type: "string" },
  },
});
const lookBackMs = number("--since", values.since, { atLeast: 0 }) * MINUTE_MS;
const url = readUrl("--url", values.url);
const token =
  values.token ??
  process.env["SLUICE_ADMIN_TOKEN"] ??
  refuse("Give a token of the operator API: --token, or SLUICE_ADMIN_TOKEN.");
process.exitCode = await tail();

async function tail(): Promise<number> {
  const filter = Object.fromEntries(
    FILTERS.flatMap((name) => (values[name] === undefined ? [] : [[name, values[name]]])),
  );
  const follower = createFollower({ url, token, filter, lookBackMs, fetch });
  for (;;) {
    try {
      for (const event of await follower.look(Date.now())) {
        console.log(values.json ? JSON.stringify(event) : lineOf(event));
      }
    } catch (thrown) {
      console.error(messageOf(thrown));
      if (values.once) return 1;
    }
    if (values.once) return 0;
    await sleep(EVERY_MS);
  }
}
