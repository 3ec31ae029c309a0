/** Replays of history: how far each has come, a shadow's report, a new one, and stopping one. */
import type * as z from "zod";
import { configNamesSchema } from "../../operator/routes/overview.ts";
import { replayListSchema } from "../../operator/routes/replays.ts";
import { replaySchema } from "../../operator/replay-view.ts";
import { appliedSchema } from "../../operator/schemas.ts";
import { goTo, sendPage, sendProblem, type DashboardContext } from "../answer.tsx";
import { ActionButton } from "../components/forms.tsx";
import { Empty } from "../components/layout.tsx";
import { ReplayForm } from "../components/replay-form.tsx";
import { ShadowReport } from "../components/shadow-report.tsx";
import { Fact, shortId, Time } from "../components/text.tsx";
import { bodyFilterOf, readFilter } from "../filters.ts";
import { formatCount } from "../format.ts";
import { fromStageIn, integerIn, textIn } from "../forms.ts";
import type { DashboardApp } from "../visitor.ts";

type Replay = z.output<typeof replaySchema>;

const PATH = "/dashboard/replays";
const BACK = { href: PATH, label: "replays" };
const pathOf = (id: string) => `${PATH}/${encodeURIComponent(id)}`;

export function registerReplays(app: DashboardApp): void {
  app.get("/replays", (context) => showReplays(context));
  app.get("/replays/:id", (context) => showReplay(context));
  app.post("/replays", async (context) => {
    const { form, visitor } = context.var;
    const pipeline = textIn(form, "shadow");
    const body = {
      filter: bodyFilterOf(readFilter(form)),
      states: [textIn(form, "states")],
      from: fromStageIn(form),
      ratePerMinute: integerIn(form, "ratePerMinute"),
      maxEvents: integerIn(form, "maxEvents"),
      ...(pipeline === "" ? {} : { shadow: { pipeline } }),
    };
    const answer = await visitor.api.send("POST", "/replays", body, replaySchema);
    if (!answer.ok) return sendProblem(context, answer.error, BACK);
    return goTo(context, pathOf(answer.value.id), { notice: "replay-started" });
  });
  app.post("/replays/:id/cancel", async (context) => {
    const id = context.req.param("id");
    const path = `/replays/${encodeURIComponent(id)}/cancel`;
    const answer = await context.var.visitor.api.send("POST", path, {}, appliedSchema);
    const back = { href: pathOf(id), label: "the replay" };
    return answer.ok
      ? goTo(context, back.href, { notice: "replay-cancelled" })
      : sendProblem(context, answer.error, back);
  });
}

async function showReplays(context: DashboardContext) {
  const { visitor } = context.var;
  const [names, list] = await Promise.all([
    visitor.api.get("/config", configNamesSchema),
    visitor.api.get("/replays", replayListSchema),
  ]);
  if (!names.ok) return sendProblem(context, names.error);
  if (!list.ok) return sendProblem(context, list.error);
  const { replays } = list.value;
  return sendPage(context, {
    title: "Replays",
    section: "Replays",
    refreshSeconds: 15,
    children: (
      <>
        <h1>Replays</h1>
        <p class="soft">
          History again, at a rate; or in shadow: another pipeline over it, with a report and no effect.
        </p>
        <ReplayForm visitor={visitor} names={names.value} />
        <div class="card">
          {replays.length === 0 ? (
            <Empty>
              <p>No replay has been started.</p>
            </Empty>
          ) : (
            <div class="scroll">
              <table class="cards">
                <caption class="visually-hidden">Replays, the newest first</caption>
                <thead>
                  <tr>
                    <th scope="col">Replay</th>
                    <th scope="col">State</th>
                    <th scope="col">What</th>
                    <th scope="col">Progress</th>
                    <th scope="col">Started</th>
                  </tr>
                </thead>
                <tbody>
                  {replays.map((replay) => (
                    <tr>
                      <td data-label="Replay">
                        <a class="mono" href={pathOf(replay.id)}>
                          {shortId(replay.id)}
                        </a>
                      </td>
                      <td data-label="State">
                        <Status status={replay.status} />
                      </td>
                      <td data-label="What">{whatOf(replay)}</td>
                      <td data-label="Progress">
                        <Progress replay={replay} />
                      </td>
                      <td data-label="Started">
                        <span>
                          <Time atMs={replay.createdAtMs} nowMs={visitor.nowMs} /> by {replay.createdBy}
                        </span>
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          )}
        </div>
      </>
    ),
  });
}

async function showReplay(context: DashboardContext) {
  const { visitor } = context.var;
  const path = `/replays/${encodeURIComponent(context.req.param("id") ?? "")}`;
  const found = await visitor.api.get(path, replaySchema);
  if (!found.ok) return sendProblem(context, found.error, BACK);
  const replay = found.value;
  const { progress } = replay;
  return sendPage(context, {
    title: "Replay",
    section: "Replays",
    refreshSeconds: replay.status === "running" ? 10 : undefined,
    children: (
      <>
        <div class="head">
          <div>
            <h1>{whatOf(replay)}</h1>
            <code>{replay.id}</code>
          </div>
          <Status status={replay.status} />
        </div>
        <section class="card" aria-label="Progress">
          <p>
            <Progress replay={replay} />
          </p>
          <dl class="facts">
            <Fact name={replay.shadow === null ? "Run again" : "Compared"}>
              {formatCount(progress.applied)}
            </Fact>
            <Fact name="Refused">{formatCount(progress.refused)}</Fact>
            <Fact name="Failed">{formatCount(progress.failed)}</Fact>
            {replay.reasons.length === 0 ? null : (
              <Fact name="Why">
                {replay.reasons.map(({ why, events }) => `${formatCount(events)} × ${why}`).join("; ")}
              </Fact>
            )}
            {replay.waitsFor === null ? null : (
              <Fact name="Waits for">
                {replay.waitsFor.reason}
                {replay.waitsFor.untilMs === null ? (
                  ", tried again within a minute"
                ) : (
                  <>
                    , goes on <Time atMs={replay.waitsFor.untilMs} nowMs={visitor.nowMs} />
                  </>
                )}
              </Fact>
            )}
            <Fact name="Rate">{formatCount(replay.ratePerMinute)} per minute</Fact>
            <Fact name="At most">{formatCount(replay.maxEvents)} events</Fact>
            <Fact name="From">{replay.from}</Fact>
            <Fact name="Started">
              <Time atMs={replay.createdAtMs} nowMs={visitor.nowMs} /> by {replay.createdBy}
            </Fact>
            <Fact name="Last step">
              <Time atMs={replay.updatedAtMs} nowMs={visitor.nowMs} />
            </Fact>
          </dl>
          {replay.status === "running" ? (
            <p>
              <ActionButton
                visitor={visitor}
                action={`${pathOf(replay.id)}/cancel`}
                label="Stop it"
                tone="danger"
                confirm="Stop this replay? What has re-entered goes on."
              />
            </p>
          ) : null}
        </section>
        {replay.report === null ? null : <ShadowReport report={replay.report} />}
      </>
    ),
  });
}

function Status({ status }: { readonly status: Replay["status"] }) {
  const tone = status === "running" ? "info" : status === "done" ? "good" : "warn";
  return <span class={`badge ${tone}`}>{status}</span>;
}

/** Against the most it may do: how much there is, nobody has counted. */
function Progress({ replay }: { readonly replay: Replay }) {
  const { seen } = replay.progress;
  const share = replay.status === "done" ? replay.maxEvents : Math.min(seen, replay.maxEvents);
  return (
    <span>
      <progress max={replay.maxEvents} value={share} aria-label="Progress"></progress> {formatCount(seen)}{" "}
      seen{replay.status === "done" ? "" : ` of at most ${formatCount(replay.maxEvents)}`}
    </span>
  );
}

function whatOf({ shadow, filter }: Replay): string {
  const conditions = Object.entries(filter).map(([name, value]) => `${name} ${String(value)}`);
  const of = conditions.length === 0 ? "everything" : conditions.join(", ");
  return shadow === null ? `Replay of ${of}` : `Shadow of ${of} with ${shadow.pipeline}`;
}
