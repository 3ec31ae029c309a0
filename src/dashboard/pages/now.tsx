/** The first page: how things stand now, what is wrong, and the last hours as plots. */
import { HOUR_MS, LIMITS, MINUTE_MS } from "../../config/limits.ts";
import { guardListSchema } from "../../operator/routes/guards.ts";
import { overviewSchema, rollupListSchema } from "../../operator/routes/overview.ts";
import type { Incident } from "../../telemetry/alerts/store.ts";
import { sendPage, sendProblem, type DashboardContext } from "../answer.tsx";
import { Breakers, Incidents, Tiles } from "../components/now-parts.tsx";
import { Plot } from "../components/plot.tsx";
import { Time } from "../components/text.tsx";
import { formatCost, formatCount, formatDuration } from "../format.ts";
import { nowFigures, type NowFigures } from "../now-data.ts";
import type { DashboardDependencies } from "../port.ts";
import type { DashboardApp } from "../visitor.ts";

/** Some seventy steps each: more are not seen on a screen. The longer, the more there is to read each time. */
const RANGES = {
  "1h": { name: "hour", lengthMs: HOUR_MS, stepMs: MINUTE_MS, refreshSeconds: 10 },
  "6h": { name: "6 hours", lengthMs: 6 * HOUR_MS, stepMs: 5 * MINUTE_MS, refreshSeconds: 30 },
  "24h": { name: "24 hours", lengthMs: 24 * HOUR_MS, stepMs: 20 * MINUTE_MS, refreshSeconds: 60 },
  "7d": { name: "7 days", lengthMs: 7 * 24 * HOUR_MS, stepMs: 2 * HOUR_MS, refreshSeconds: 300 },
} as const;
type RangeName = keyof typeof RANGES;

export function registerNow(app: DashboardApp, deps: DashboardDependencies): void {
  app.get("/", (context) => showNow(context, deps));
}

async function showNow(context: DashboardContext, deps: DashboardDependencies) {
  const { api, nowMs } = context.var.visitor;
  const asked = new URL(context.req.url).searchParams.get("range") ?? "";
  const range: RangeName = isRange(asked) ? asked : "1h";
  const { lengthMs, stepMs } = RANGES[range];
  const span = { fromMs: Math.floor((nowMs - lengthMs) / stepMs) * stepMs, untilMs: nowMs, stepMs };
  const [overview, guards, rollups, counters, samples, latest, incidents] = await Promise.all([
    api.get("/overview", overviewSchema),
    api.get("/guards", guardListSchema),
    api.get("/rollups", rollupListSchema, {
      fromMs: span.fromMs,
      toMs: nowMs,
      stepMinutes: stepMs / MINUTE_MS,
    }),
    deps.past.counters(["sluice_ingest_events_total", "sluice_ingest_refused_total"], span),
    deps.past.samples(span),
    deps.past.latest(),
    deps.incidents(LIMITS.dashboard.shownIncidents),
  ]);
  if (!overview.ok) return sendProblem(context, overview.error);
  if (!guards.ok) return sendProblem(context, guards.error);
  if (!rollups.ok) return sendProblem(context, rollups.error);
  const figures = nowFigures(span, rollups.value.rollups, counters, samples);
  return sendPage(context, {
    title: "Now",
    section: "Now",
    refreshSeconds: RANGES[range].refreshSeconds,
    children: (
      <>
        <div class="head">
          <h1>Now</h1>
          <span class="soft small">
            {latest === null ? (
              "no sample has been taken yet: the cron takes one every minute"
            ) : (
              <>
                sampled <Time atMs={latest.atMs} nowMs={nowMs} />
              </>
            )}
          </span>
        </div>
        <Incidents incidents={openFirst(incidents)} nowMs={nowMs} />
        <Tiles
          overview={overview.value}
          figures={figures}
          latest={latest}
          rangeName={RANGES[range].name}
          nowMs={nowMs}
        />
        <Breakers guards={guards.value.guards} />
        <nav class="head" aria-label="Span of the plots">
          <h2>The last {RANGES[range].name}</h2>
          <span class="actions ranges">
            {Object.entries(RANGES).map(([key, { name }]) => (
              <a href={`/dashboard?range=${key}`} aria-current={key === range ? "true" : undefined}>
                {name}
              </a>
            ))}
          </span>
        </nav>
        <Plots figures={figures} fromMs={span.fromMs} untilMs={nowMs} />
      </>
    ),
  });
}

function isRange(text: string): text is RangeName {
  return Object.hasOwn(RANGES, text);
}

function openFirst(incidents: readonly Incident[]): readonly Incident[] {
  const open = incidents.filter(({ resolvedAtMs }) => resolvedAtMs === null);
  return [...open, ...incidents.filter(({ resolvedAtMs }) => resolvedAtMs !== null)];
}

interface PlotsProps {
  readonly figures: NowFigures;
  readonly fromMs: number;
  readonly untilMs: number;
}

function Plots({ figures, fromMs, untilMs }: PlotsProps) {
  const frame = { fromMs, untilMs };
  const noSample = "No samples in this time. The cron takes one every minute.";
  const noEvent = "Nothing ended in this time.";
  return (
    <div class="grid">
      <Plot
        title="Events per minute"
        {...frame}
        lines={[
          { name: "accepted", points: figures.accepted },
          { name: "ended", points: figures.ended },
        ]}
        format={formatCount}
        empty={noEvent}
      />
      <Plot
        title="Errors per minute"
        {...frame}
        lines={[
          { name: "dead or expired", points: figures.failed },
          { name: "refused at the door", points: figures.refused },
        ]}
        format={formatCount}
        empty={noEvent}
      />
      <Plot
        title="From acceptance to end"
        {...frame}
        lines={[
          { name: "p50", points: figures.p50 },
          { name: "p95", points: figures.p95 },
        ]}
        format={formatDuration}
        empty={noEvent}
      />
      <Plot
        title="Depth"
        {...frame}
        lines={[{ name: "events", points: figures.depth }]}
        format={formatCount}
        empty={noSample}
      />
      <Plot
        title="Oldest event that waits"
        {...frame}
        lines={[{ name: "age", points: figures.oldest }]}
        format={formatDuration}
        empty={noSample}
      />
      <Plot
        title="Cost of models"
        {...frame}
        lines={[{ name: "per step", points: figures.total.costMicros > 0 ? figures.cost : [] }]}
        format={formatCost}
        empty="Nothing was spent. A model without a price costs nothing here: give it one in the config."
      />
    </div>
  );
}
