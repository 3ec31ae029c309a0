/**
 * `npm run bench:partition`: what the ordered log costs and how fast it is, with the real objects, consumer and
 * drivers on workerd; only the model is scripted (it sleeps). Budgets: docs/design.md, section 12. Counts and ratios
 * within this run; nothing is asserted, and times depend on the machine.
 */
import { commandLine } from "../../dev/lib/command-line.ts";

const USAGE = `npm run bench:partition -- [options]
  --only costs         only one part: costs, throughput or backlog
  --stored 1000000     stored rows of the full partition
  --backlog 100000     events of the large backlog`;

const { values, wholeNumber, oneOf } = commandLine(USAGE, {
  options: {
    only: { type: "string" },
    stored: { type: "string", default: "1000000" },
    backlog: { type: "string", default: "100000" },
  },
});
const stored = wholeNumber("--stored", values.stored, { atLeast: 1 });
const backlog = wholeNumber("--backlog", values.backlog, { atLeast: 1 });
const only =
  values.only === undefined ? undefined : oneOf("--only", values.only, ["costs", "throughput", "backlog"]);

// Before wrangler is loaded: its own notes are not the bench's.
process.env["WRANGLER_LOG"] ??= "error";
process.env["CLOUDFLARE_CF_FETCH_ENABLED"] ??= "false";
const { startBenchGateway } = await import("./bench-gateway.ts");
const { measureCosts } = await import("./costs.ts");
const { measureThroughput } = await import("./throughput.ts");
const { measureBacklog } = await import("./backlog.ts");
const { printTable } = await import("./table.ts");

const gateway = await startBenchGateway();
try {
  const wants = (part: typeof only) => only === undefined || only === part;
  if (wants("costs")) printTable("Cost per event", await measureCosts(gateway, stored));
  if (wants("throughput")) printTable("Throughput, 200 ms model", await measureThroughput(gateway));
  if (wants("backlog")) printTable("A backlog in one partition", await measureBacklog(gateway, backlog));
} finally {
  await gateway.close();
}
