/** The parts of the first page: tiles, incidents, breakers. */
import { LEDGER_MAX_BYTES } from "../../core/alerts/readings.ts";
import type { Child } from "hono/jsx";
import type * as z from "zod";
import { DEFAULT_RULES } from "../../core/alerts/rules.ts";
import { depthOf, type Sample } from "../../core/metrics/sample.ts";
import type { guardListSchema } from "../../operator/routes/guards.ts";
import type { overviewSchema } from "../../operator/routes/overview.ts";
import type { Incident } from "../../telemetry/alerts/store.ts";
import { formatCost, formatCount, formatDuration, formatShare } from "../format.ts";
import { ageOf, type NowFigures } from "../now-data.ts";
import { Phase } from "./guard-phase.tsx";
import { Time } from "./text.tsx";

interface TilesProps {
  readonly overview: z.output<typeof overviewSchema>;
  readonly figures: NowFigures;
  readonly latest: Sample | null;
  readonly rangeName: string;
  readonly nowMs: number;
}

/** A database that is half full says so long before its alert. */
const SHOWN_LEDGER_SHARE = 0.5;

export function Tiles({ overview, figures, latest, rangeName, nowMs }: TilesProps) {
  const { total } = figures;
  const waiting = (state: string) => overview.exceptions.filter((one) => one.state === state);
  const dead = [...waiting("dead"), ...waiting("expired")];
  const reviews = waiting("review");
  const countOf = (list: TilesProps["overview"]["exceptions"]) =>
    list.reduce((sum, { count }) => sum + count, 0);
  const oldest = Math.min(...reviews.flatMap(({ oldestEndedAtMs }) => oldestEndedAtMs ?? []));
  const paused = latest?.partitions.pausedCount ?? 0;
  const fullest = Math.max(0, ...(latest?.ledgers ?? []).map(({ bytes }) => (bytes ?? 0) / LEDGER_MAX_BYTES));
  const failedShare = total.ended === 0 ? 0 : total.failed / total.ended;
  return (
    <ul class="tiles">
      <Tile
        name="Depth"
        value={latest === null ? formatCount(overview.openPartitions) : formatCount(depthOf(latest))}
        note={latest === null ? "partitions with open work" : "events in lanes and partitions"}
      />
      <Tile
        name="Oldest waits"
        value={latest === null ? "–" : ageOf(latest) === 0 ? "none" : formatDuration(ageOf(latest))}
        note={
          latest === null
            ? "not sampled yet"
            : `in ${formatCount(latest.partitions.open)} partitions, and in the lanes`
        }
      />
      <Tile
        name="Accepted"
        value={formatCount(total.accepted)}
        note={`in the last ${rangeName}; ${formatCount(total.refused)} refused`}
      />
      <Tile
        name="Error rate"
        value={formatShare(failedShare)}
        note={`${formatCount(total.failed)} of ${formatCount(total.ended)} ended badly`}
        tone={failedShare > 0.05 ? "bad" : undefined}
      />
      <Tile
        name="Latency p50 / p95"
        value={
          total.p50Ms === null ? "–" : `${formatDuration(total.p50Ms)} / ${formatDuration(total.p95Ms ?? 0)}`
        }
        note="from acceptance to end"
      />
      <Tile name="Cost of models" value={formatCost(total.costMicros)} note={`in the last ${rangeName}`} />
      <Tile
        name="Dead letters"
        value={<a href="/dashboard/dead-letters">{formatCount(countOf(dead))}</a>}
        note={dead.length === 0 ? "none waits" : "to be replayed or discarded"}
        tone={dead.length === 0 ? undefined : "bad"}
      />
      <Tile
        name="Reviews"
        value={<a href="/dashboard/reviews">{formatCount(countOf(reviews))}</a>}
        note={
          Number.isFinite(oldest) ? `the oldest waits for ${formatDuration(nowMs - oldest)}` : "none waits"
        }
        tone={reviews.length === 0 ? undefined : "warn"}
      />
      {fullest < SHOWN_LEDGER_SHARE ? null : (
        <Tile
          name="Ledger"
          value={formatShare(fullest)}
          note="of the 10 GB that D1 takes"
          tone={fullest < 0.7 ? "warn" : "bad"}
        />
      )}
      {paused === 0 ? null : (
        <Tile
          name="Paused partitions"
          value={<a href="/dashboard/partitions">{formatCount(paused)}</a>}
          note="stand still until resumed"
          tone="bad"
        />
      )}
    </ul>
  );
}

interface TileProps {
  readonly name: string;
  readonly value: Child;
  readonly note: string;
  readonly tone?: "bad" | "warn" | undefined;
}

function Tile({ name, value, note, tone }: TileProps) {
  return (
    <li class={`tile ${tone ?? ""}`}>
      <div class="name">{name}</div>
      <div class="value">{value}</div>
      <div class="note">{note}</div>
    </li>
  );
}

/** Open ones always; past ones behind a summary. */
export function Incidents({
  incidents,
  nowMs,
}: {
  readonly incidents: readonly Incident[];
  readonly nowMs: number;
}) {
  const open = incidents.filter(({ resolvedAtMs }) => resolvedAtMs === null);
  const past = incidents.filter(({ resolvedAtMs }) => resolvedAtMs !== null);
  return (
    <section class={`banner ${open.length === 0 ? "good" : "bad"}`} aria-label="Incidents">
      {open.length === 0 ? <p>No open incident.</p> : null}
      {open.map((incident) => (
        <p>
          <strong>{titleOf(incident)}</strong> since <Time atMs={incident.openedAtMs} nowMs={nowMs} />
          {measured(incident)}
        </p>
      ))}
      {past.length === 0 ? null : (
        <details id="past-incidents">
          <summary>{past.length} past</summary>
          {past.map((incident) => (
            <p>
              {titleOf(incident)}, <Time atMs={incident.openedAtMs} nowMs={nowMs} />, over after{" "}
              {formatDuration((incident.resolvedAtMs ?? nowMs) - incident.openedAtMs)}
              {measured(incident)}
            </p>
          ))}
        </details>
      )}
    </section>
  );
}

function titleOf({ rule, subject }: Incident): string {
  return [DEFAULT_RULES[rule].title, ...subject].join(" · ");
}

function measured({ rule, peak, limit }: Incident): string {
  switch (DEFAULT_RULES[rule].unit) {
    case "share":
      return `: ${formatShare(peak)} at its worst, the limit is ${formatShare(limit)}`;
    case "seconds":
      return `: ${formatDuration(peak * 1_000)} at its worst, the limit is ${formatDuration(limit * 1_000)}`;
    case "count":
      return `: ${formatCount(peak)} at its worst, the limit is ${formatCount(limit)}`;
    case "state":
    default:
      return "";
  }
}

export function Breakers({ guards }: z.output<typeof guardListSchema>) {
  if (guards.length === 0) return null;
  return (
    <section class="card" aria-label="Breakers">
      <div class="actions">
        {guards.map(({ name, state }) => (
          <a href="/dashboard/guards" class="small">
            {name} <Phase phase={state?.breaker.phase ?? null} />
          </a>
        ))}
      </div>
    </section>
  );
}
