/** An event's timeline as a waterfall: each entry's bar reaches from the entry before; calls of models and deliveries have their own. */
import type { EventDetail } from "../../operator/schemas.ts";
import { formatDuration, formatExact } from "../format.ts";

export interface Step {
  readonly what: string;
  readonly detail: string;
  readonly fromMs: number;
  readonly untilMs: number;
  readonly kind: "wait" | "model" | "delivery" | "trouble";
}

const TROUBLE = new Set(["retrying", "dead", "expired", "lease_expired", "deferred"]);

export function stepsOf({ timeline, output, deliveries, receivedAtMs }: EventDetail): readonly Step[] {
  const steps: Step[] = [];
  let beforeMs = receivedAtMs;
  for (const { atMs, what, detail = "" } of timeline) {
    const model = output?.model ?? null;
    if (what === "output" && model !== null && !model.cached) {
      const fromMs = Math.max(beforeMs, atMs - model.durationMs);
      steps.push({ what: "model call", detail: model.name, fromMs, untilMs: atMs, kind: "model" });
    }
    const delivery =
      what === "delivered" ? deliveries.find(({ destination }) => destination === detail) : undefined;
    const fromMs = delivery === undefined ? beforeMs : Math.max(beforeMs, atMs - delivery.durationMs);
    const kind = TROUBLE.has(what) ? "trouble" : delivery === undefined ? "wait" : "delivery";
    steps.push({ what, detail, fromMs: Math.min(fromMs, atMs), untilMs: atMs, kind });
    beforeMs = Math.max(beforeMs, atMs);
  }
  return steps;
}

const WIDTH = 1_000;
/** Wide enough to be seen. */
const LEAST = 6;

export function Waterfall({ event }: { readonly event: EventDetail }) {
  const steps = stepsOf(event);
  const startMs = Math.min(event.receivedAtMs, ...steps.map(({ fromMs }) => fromMs));
  const spanMs = Math.max(1, ...steps.map(({ untilMs }) => untilMs - startMs));
  return (
    <div class="scroll">
      <table class="waterfall">
        <caption class="visually-hidden">What happened to the event, in order</caption>
        <thead>
          <tr>
            <th scope="col">What</th>
            <th scope="col">Detail</th>
            <th scope="col" class="number">
              After
            </th>
            <th scope="col" class="number">
              Took
            </th>
            <th scope="col">
              <span class="visually-hidden">Bar</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {steps.map((step) => {
            const x = Math.min(WIDTH - LEAST, ((step.fromMs - startMs) / spanMs) * WIDTH);
            const width = Math.max(LEAST, ((step.untilMs - step.fromMs) / spanMs) * WIDTH);
            return (
              <tr>
                <td>{step.what.replaceAll("_", " ")}</td>
                <td class="detail">{step.detail}</td>
                <td class="number after">
                  <span title={formatExact(step.untilMs)}>{formatDuration(step.untilMs - startMs)}</span>
                </td>
                <td class="number">{formatDuration(step.untilMs - step.fromMs)}</td>
                <td class="bar-cell">
                  <svg viewBox={`0 0 ${WIDTH} 16`} preserveAspectRatio="none" aria-hidden="true">
                    <rect
                      class={`bar ${step.kind}`}
                      x={Math.round(x)}
                      y="3"
                      width={Math.round(width)}
                      height="10"
                      rx="2"
                    />
                  </svg>
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}
