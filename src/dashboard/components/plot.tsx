/**
 * A plot of one or two lines over time, drawn on the server as SVG: no script, no dependency. Values that are not known leave
 * a gap; one alone is a dash.
 */
import { formatExact } from "../format.ts";

export interface PlotPoint {
  readonly atMs: number;
  readonly value: number | null;
}

export interface PlotLine {
  readonly name: string;
  readonly points: readonly PlotPoint[];
}

interface PlotProps {
  readonly title: string;
  readonly lines: readonly PlotLine[];
  readonly fromMs: number;
  readonly untilMs: number;
  readonly format: (value: number) => string;
  /** Said where there is nothing to draw. */
  readonly empty: string;
}

const WIDTH = 600;
const HEIGHT = 120;
/** Half the length of a value that has no neighbours. */
const LONE = 4;

export function Plot({ title, lines, fromMs, untilMs, format, empty }: PlotProps) {
  const values = lines.flatMap(({ points }) => points.flatMap(({ value }) => value ?? []));
  const top = niceCeiling(Math.max(0, ...values));
  return (
    <section class="card">
      <figure class="plot">
        <figcaption>
          <h2>{title}</h2>
          <span class="legend">
            {lines.map(({ name, points }, at) => (
              <span class={`line-${at + 1}`}>
                {name}: <strong>{lastOf(points) === null ? "–" : format(lastOf(points) ?? 0)}</strong>
              </span>
            ))}
          </span>
        </figcaption>
        {values.length === 0 ? (
          <p class="empty">{empty}</p>
        ) : (
          <>
            <div class="axis">
              <span>{format(top)}</span>
            </div>
            <svg
              viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
              preserveAspectRatio="none"
              role="img"
              aria-label={describe(title, lines, format)}
            >
              {[0, HEIGHT / 2, HEIGHT].map((y) => (
                <line class="rule" x1="0" x2={WIDTH} y1={y} y2={y} />
              ))}
              {lines.map(({ points }, at) => (
                <path class={`line line-${at + 1}`} d={pathOf(points, { fromMs, untilMs, top })} />
              ))}
            </svg>
            <div class="axis">
              <span>{formatExact(fromMs).slice(5, 16)}</span>
              <span>{formatExact(untilMs).slice(5, 16)} UTC</span>
            </div>
          </>
        )}
      </figure>
    </section>
  );
}

interface Frame {
  readonly fromMs: number;
  readonly untilMs: number;
  readonly top: number;
}

export function pathOf(points: readonly PlotPoint[], { fromMs, untilMs, top }: Frame): string {
  const span = Math.max(1, untilMs - fromMs);
  let path = "";
  let before: PlotPoint["value"] = null;
  for (const [at, { atMs, value }] of points.entries()) {
    if (value !== null) {
      const x = round(((atMs - fromMs) / span) * WIDTH);
      const y = round(HEIGHT - (Math.min(value, top) / top) * HEIGHT);
      const isAlone = before === null && (points[at + 1]?.value ?? null) === null;
      if (isAlone) path += `M${x - LONE} ${y}L${x + LONE} ${y}`;
      else path += `${before === null ? "M" : "L"}${x} ${y}`;
    }
    before = value;
  }
  return path;
}

/** 1, 2 or 5 times a power of ten. */
export function niceCeiling(value: number): number {
  if (!Number.isFinite(value) || value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  const factor = [1, 2, 5, 10].find((candidate) => candidate * power >= value) ?? 10;
  return factor * power;
}

function describe(title: string, lines: readonly PlotLine[], format: (value: number) => string): string {
  const told = lines.flatMap(({ name, points }) => {
    const last = lastOf(points);
    const highest = Math.max(...points.flatMap(({ value }) => value ?? []));
    return last === null ? [] : [`${name}: last ${format(last)}, highest ${format(highest)}`];
  });
  return `${title}. ${told.join("; ")}`;
}

function lastOf(points: readonly PlotPoint[]): number | null {
  return points.findLast(({ value }) => value !== null)?.value ?? null;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
