/** Partitions: which have open work or stand still, one customer's, and one in full; pause, resume, drain. */
import type * as z from "zod";
import { LIMITS } from "../../config/limits.ts";
import { partitionListSchema, statusSchema } from "../../operator/routes/partitions.ts";
import { appliedSchema } from "../../operator/schemas.ts";
import { goTo, sendPage, sendProblem, type DashboardContext } from "../answer.tsx";
import { ActionButton, Field, ReasonForm } from "../components/forms.tsx";
import { Banner, Empty } from "../components/layout.tsx";
import { CustomerLink, Fact, shortId, Time } from "../components/text.tsx";
import { formatBytes, formatCount } from "../format.ts";
import { textIn } from "../forms.ts";
import type { NoticeName } from "../notices.tsx";
import type { DashboardDependencies } from "../port.ts";
import type { DashboardApp, Visitor } from "../visitor.ts";

type Status = z.output<typeof statusSchema>;

const PATH = "/dashboard/partitions";
const BACK = { href: PATH, label: "partitions" };
const pathOf = (name: string) => `${PATH}/${encodeURIComponent(name)}`;

export function registerPartitions(app: DashboardApp, deps: DashboardDependencies): void {
  app.get("/partitions", (context) => showPartitions(context, deps));
  app.get("/partitions/:name", (context) => showPartition(context));
  const act = (name: "pause" | "resume" | "drain", notice: NoticeName) =>
    app.post(`/partitions/:name/${name}`, async (context) => {
      const { form, visitor } = context.var;
      const partition = context.req.param("name");
      const body = name === "pause" ? { reason: textIn(form, "reason") } : {};
      const path = `/partitions/${encodeURIComponent(partition)}/${name}`;
      const answer = await visitor.api.send("POST", path, body, appliedSchema);
      const back = { href: pathOf(partition), label: "the partition" };
      return answer.ok ? goTo(context, back.href, { notice }) : sendProblem(context, answer.error, back);
    });
  act("pause", "paused");
  act("resume", "resumed");
  act("drain", "draining");
}

async function showPartitions(context: DashboardContext, deps: DashboardDependencies) {
  const { visitor } = context.var;
  const query = new URL(context.req.url).searchParams;
  const customer = (query.get("customer") ?? "").trim();
  const name = (query.get("name") ?? "").trim();
  if (name !== "") return goTo(context, pathOf(name));
  const [list, sample] = await Promise.all([
    visitor.api.get("/partitions", partitionListSchema, { customer }),
    customer === "" ? deps.past.latest() : null,
  ]);
  if (!list.ok) return sendProblem(context, list.error, BACK);
  const paused = (sample?.partitions.paused ?? []).map(({ partition }) => partition);
  const names = [...new Set([...paused, ...list.value.partitions.map((one) => one.name)])];
  const statuses = await Promise.all(
    names.slice(0, LIMITS.dashboard.shownStatuses).map((one) => readStatus(visitor, one)),
  );
  const known = statuses.flatMap((status) => (status.ok ? [status.value] : []));
  return sendPage(context, {
    title: "Partitions",
    section: "Partitions",
    refreshSeconds: customer === "" ? 15 : undefined,
    children: (
      <>
        <h1>Partitions</h1>
        <p class="soft">One log per customer. Here are those with open work, and those that stand still.</p>
        <form method="get" action={PATH} class="card fields" role="search">
          <Field name="customer" label="Customer" value={customer} hint="space:key, as in lists" />
          <Field name="name" label="Or a partition's name" value="" />
          <div class="field">
            <button type="submit" class="main">
              Search
            </button>
          </div>
        </form>
        <div class="card">
          {known.length === 0 ? (
            <Empty>
              {customer === "" ? (
                <p>No partition has open work that a driver left behind. Look one up by its customer.</p>
              ) : (
                <p>
                  Nothing is kept for {customer}. <a href={PATH}>Show all with open work</a>.
                </p>
              )}
            </Empty>
          ) : (
            <PartitionTable statuses={known} nowMs={visitor.nowMs} />
          )}
          {names.length > LIMITS.dashboard.shownStatuses ? (
            <p class="hint">
              {formatCount(names.length)} in all; the {LIMITS.dashboard.shownStatuses} longest due are shown.
            </p>
          ) : null}
        </div>
      </>
    ),
  });
}

function readStatus(visitor: Visitor, name: string) {
  return visitor.api.get(`/partitions/${encodeURIComponent(name)}`, statusSchema);
}

function PartitionTable({
  statuses,
  nowMs,
}: {
  readonly statuses: readonly Status[];
  readonly nowMs: number;
}) {
  return (
    <div class="scroll">
      <table class="cards">
        <caption class="visually-hidden">Partitions</caption>
        <thead>
          <tr>
            <th scope="col">Customer</th>
            <th scope="col">Partition</th>
            <th scope="col">State</th>
            <th scope="col" class="number">
              Open events
            </th>
            <th scope="col">Oldest</th>
            <th scope="col">Holder</th>
          </tr>
        </thead>
        <tbody>
          {statuses.map((status) => (
            <tr>
              <td data-label="Customer">
                <Customer of={status} />
              </td>
              <td data-label="Partition">
                <a class="mono" href={pathOf(status.name)}>
                  {status.name}
                </a>
              </td>
              <td data-label="State">
                <Standing status={status} />
              </td>
              <td data-label="Open events" class="number">
                {formatCount(status.openEvents)}
              </td>
              <td data-label="Oldest">
                {status.oldestOpenAtMs === null ? "–" : <Time atMs={status.oldestOpenAtMs} nowMs={nowMs} />}
              </td>
              <td data-label="Holder">{status.holder === null ? "nobody" : shortId(status.holder.driver)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Customer({ of: { customer } }: { readonly of: Status }) {
  return customer === null ? <span class="soft">not known</span> : <CustomerLink customer={customer} />;
}

function Standing({ status }: { readonly status: Status }) {
  if (status.paused !== null) return <span class="badge bad">paused</span>;
  if (status.draining) return <span class="badge warn">draining</span>;
  if (status.gateUntilMs !== null) return <span class="badge warn">waits for a guard</span>;
  return status.openEvents > 0 ? (
    <span class="badge info">working</span>
  ) : (
    <span class="badge good">idle</span>
  );
}

async function showPartition(context: DashboardContext) {
  const { visitor } = context.var;
  const found = await readStatus(visitor, context.req.param("name") ?? "");
  if (!found.ok) return sendProblem(context, found.error, BACK);
  const status = found.value;
  const { nowMs } = visitor;
  const path = pathOf(status.name);
  return sendPage(context, {
    title: `Partition ${status.name}`,
    section: "Partitions",
    refreshSeconds: 10,
    children: (
      <>
        <div class="head">
          <h1 class="mono">{status.name}</h1>
          <Standing status={status} />
        </div>
        {status.paused === null ? null : (
          <Banner tone="bad">
            <p>
              <strong>Paused</strong> <Time atMs={status.paused.sinceMs} nowMs={nowMs} />:{" "}
              {status.paused.reason}
            </p>
            <p>Events are accepted and kept. Mend the cause, then resume.</p>
          </Banner>
        )}
        <section class="card" aria-label="Facts">
          <dl class="facts">
            <Fact name="Customer">
              <Customer of={status} />
            </Fact>
            <Fact name="Order">{status.mode}</Fact>
            <Fact name="Open events">{formatCount(status.openEvents)}</Fact>
            <Fact name="Oldest open event">
              {status.oldestOpenAtMs === null ? "none" : <Time atMs={status.oldestOpenAtMs} nowMs={nowMs} />}
            </Fact>
            <Fact name="Stored">{formatBytes(status.storedBytes)}</Fact>
            <Fact name="Late events so far">{formatCount(status.lateEvents)}</Fact>
            <Fact name="Nothing is granted before">
              {status.gateUntilMs === null ? "now" : <Time atMs={status.gateUntilMs} nowMs={nowMs} />}
            </Fact>
            <Fact name="Lease">
              {status.holder === null ? (
                "nobody holds it"
              ) : (
                <>
                  {shortId(status.holder.driver)}, {formatCount(status.holder.events.length)} events, until{" "}
                  <Time atMs={status.holder.expiresAtMs} nowMs={nowMs} />
                </>
              )}
            </Fact>
            <Fact name="Its events">
              <a href={`/dashboard/events?partition=${encodeURIComponent(status.name)}`}>
                all that have ended
              </a>
              ,{" "}
              <a href={`/dashboard/dead-letters?partition=${encodeURIComponent(status.name)}`}>
                dead letters
              </a>
            </Fact>
          </dl>
        </section>
        <section class="card" aria-label="What can be done">
          {status.paused !== null || status.draining ? (
            <ActionButton visitor={visitor} action={`${path}/resume`} label="Resume" tone="main" />
          ) : (
            <>
              <ReasonForm
                visitor={visitor}
                id="pause"
                summary="Pause it: nothing is worked on until it is resumed"
                action={`${path}/pause`}
                label="Pause"
                tone="danger"
              />
              <div class="below">
                <ActionButton
                  visitor={visitor}
                  action={`${path}/drain`}
                  label="Drain"
                  confirm="Drain this partition? It takes nothing new until it is resumed."
                />
              </div>
            </>
          )}
        </section>
      </>
    ),
  });
}
