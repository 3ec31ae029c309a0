/** What a shadow run has found: agreement by field, changed decisions with examples, cost and latency before and after. */
import type * as z from "zod";
import type { replaySchema } from "../../operator/replay-view.ts";
import { formatCost, formatCount, formatDuration, formatShare } from "../format.ts";
import { shortId } from "./text.tsx";

type Report = NonNullable<z.output<typeof replaySchema>["report"]>;
type Totals = Report["before"];

const ROWS: readonly (readonly [string, (totals: Totals) => string])[] = [
  ["Calls", ({ calls }) => formatCount(calls)],
  ["From the cache", ({ cached }) => formatCount(cached)],
  ["Tokens in", ({ inputTokens }) => formatCount(inputTokens)],
  ["Tokens out", ({ outputTokens }) => formatCount(outputTokens)],
  ["Cost", ({ costMicros }) => (costMicros === null ? "no price" : formatCost(costMicros))],
  ["Latency p50", ({ p50Ms }) => (p50Ms === null ? "–" : formatDuration(p50Ms))],
  ["Latency p95", ({ p95Ms }) => (p95Ms === null ? "–" : formatDuration(p95Ms))],
];

export function ShadowReport({ report }: { readonly report: Report }) {
  return (
    <>
      <p>
        <strong>{formatCount(report.compared)}</strong> compared;{" "}
        <strong>{formatCount(report.changed.events)}</strong> ({formatShare(report.changed.share)}) would be
        decided otherwise.
      </p>
      <div class="two">
        <section class="card">
          <h2>Agreement by field</h2>
          <div class="scroll">
            <table>
              <thead>
                <tr>
                  <th scope="col">Field</th>
                  <th scope="col" class="number">
                    The same
                  </th>
                  <th scope="col" class="number">
                    Mean difference
                  </th>
                </tr>
              </thead>
              <tbody>
                {report.fields.map(({ path, agreement, meanDifference }) => (
                  <tr>
                    <td>
                      <code>{path}</code>
                    </td>
                    <td class="number">{formatShare(agreement)}</td>
                    <td class="number">
                      {meanDifference === null ? "–" : String(Number(meanDifference.toPrecision(2)))}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </section>
        <section class="card">
          <h2>Before and after</h2>
          <table>
            <thead>
              <tr>
                <th scope="col">
                  <span class="visually-hidden">What</span>
                </th>
                <th scope="col" class="number">
                  Before
                </th>
                <th scope="col" class="number">
                  After
                </th>
              </tr>
            </thead>
            <tbody>
              {ROWS.map(([name, textOf]) => (
                <tr>
                  <th scope="row">{name}</th>
                  <td class="number">{textOf(report.before)}</td>
                  <td class="number">{textOf(report.after)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      </div>
      {report.examples.length === 0 ? null : (
        <section class="card">
          <h2>Decided otherwise, for example</h2>
          <div class="scroll">
            <table class="cards">
              <thead>
                <tr>
                  <th scope="col">Event</th>
                  <th scope="col">What changes</th>
                </tr>
              </thead>
              <tbody>
                {report.examples.map(({ id, changes }) => (
                  <tr>
                    <td data-label="Event">
                      <a class="mono" href={`/dashboard/events/${encodeURIComponent(id)}`} title={id}>
                        {shortId(id)}
                      </a>
                    </td>
                    <td data-label="Changes">
                      {changes.map(({ path, before, after }) => (
                        <div>
                          <code>{path}</code>: {shown(before)} → <strong>{shown(after)}</strong>
                        </div>
                      ))}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </section>
      )}
    </>
  );
}

const MAX_SHOWN = 120;

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text;
}
