/**
 * `npm run tail -- --url https://… [--state dead,review] [--source stripe] [--pipeline triage] [--customer space:key] [--json]`:
 * follows events in the terminal. The token is --token or SLUICE_ADMIN_TOKEN; without --url it is the local gateway's.
 */
import { parseArgs } from "node:util";
import { setTimeout as sleep } from "node:timers/promises";
import { messageOf } from "../../src/core/result.ts";
import { createFollower, lineOf } from "./follow.ts";

const LOCAL_GATEWAY = "http://localhost:8787";
const FILTERS = ["state", "source", "type", "pipeline", "customer", "code"] as const;
const EVERY_MS = 2_000;
const MINUTE_MS = 60_000;

const { values } = parseArgs({
  options: {
    url: { type: "string", default: LOCAL_GATEWAY },
    token: { type: "string" },
    /** Minutes to look back over. */
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
const token = values.token ?? process.env["SLUICE_ADMIN_TOKEN"];
if (token === undefined) {
  console.error("Give a token of the operator API: --token, or SLUICE_ADMIN_TOKEN.");
  process.exitCode = 2;
} else {
  process.exitCode = await tail(token);
}

async function tail(bearer: string): Promise<number> {
  const filter = Object.fromEntries(
    FILTERS.flatMap((name) => (values[name] === undefined ? [] : [[name, values[name]]])),
  );
  const lookBackMs = Number(values.since) * MINUTE_MS;
  const follower = createFollower({ url: values.url, token: bearer, filter, lookBackMs, fetch });
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
