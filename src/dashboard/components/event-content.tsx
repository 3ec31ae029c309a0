/** What an event came with, what was made of it, and where that went. */
import type { EventDetail } from "../../operator/schemas.ts";
import { formatBytes, formatCost, formatCount, formatDuration } from "../format.ts";
import { Code, Fact, prettyJson, Time } from "./text.tsx";

type Payload = NonNullable<EventDetail["payload"]>;

export function PayloadCards({ event }: { readonly event: EventDetail }) {
  return (
    <>
      <section class="card">
        <h2>{event.original === undefined ? "Payload" : "Payload, as edited"}</h2>
        {event.payload === undefined ? (
          <p class="soft">No longer kept.</p>
        ) : (
          <PayloadText payload={event.payload} label="Payload" />
        )}
      </section>
      {event.original === undefined ? null : (
        <section class="card">
          <h2>Payload, as it came</h2>
          <PayloadText payload={event.original} label="Original payload" />
        </section>
      )}
    </>
  );
}

function PayloadText({ payload, label }: { readonly payload: Payload; readonly label: string }) {
  if (payload.omittedBytes !== undefined) {
    return (
      <p class="soft">
        {formatBytes(payload.omittedBytes)}: too large to show here.{" "}
        <code>GET /admin/v1/events/&lt;id&gt;?payload=1</code> has it.
      </p>
    );
  }
  const text =
    payload.value === null || payload.value === undefined ? payload.text : prettyJson(payload.value);
  return text === "" ? <p class="soft">Empty, or no longer kept.</p> : <Code text={text} label={label} />;
}

/** A sender that waited has an answer already: a decision cannot take it back. */
export function Told({ event, nowMs }: { readonly event: EventDetail; readonly nowMs: number }) {
  const { decision } = event;
  if (decision === undefined) return null;
  const why = decision.reason === null ? "" : ` (${decision.reason.replaceAll("_", " ")})`;
  return (
    <section class="card" aria-label="What the sender was told">
      <h2>What the sender was told</h2>
      <p class="small soft">
        {decision.by === "default" ? `The default answer${why}` : "The pipeline's answer"},{" "}
        <Time atMs={decision.atMs} nowMs={nowMs} />. Nothing that is decided here changes it.
      </p>
      <Code text={prettyJson(decision.answer)} label="Answer to the sender" />
      {decision.late === undefined ? null : (
        <>
          <p class="small soft">
            The model's own answer came <Time atMs={decision.late.atMs} nowMs={nowMs} />. The sender was not
            told.
          </p>
          <Code text={prettyJson(decision.late.answer)} label="Late answer" />
        </>
      )}
    </section>
  );
}

export function OutputCards({ event }: { readonly event: EventDetail }) {
  const { output } = event;
  if (output === null) {
    return (
      <section class="card">
        <h2>Output</h2>
        <p class="soft">Nothing has been made of it.</p>
      </section>
    );
  }
  return (
    <>
      {output.value === null || output.value === undefined ? null : (
        <section class="card">
          <h2>What the model said</h2>
          <Code text={prettyJson(output.value)} label="Model output" />
        </section>
      )}
      <section class="card">
        <h2>What is delivered</h2>
        <p class="small soft">
          {output.type} to {output.to.length === 0 ? "nobody" : output.to.join(", ")}
        </p>
        <Code text={prettyJson(output.body)} label="Delivered body" />
      </section>
    </>
  );
}

export function ModelFacts({ event }: { readonly event: EventDetail }) {
  const model = event.output?.model ?? null;
  if (model === null) return null;
  return (
    <section class="card">
      <h2>Model call</h2>
      <dl class="facts">
        <Fact name="Model">
          {model.name} ({model.modelId})
        </Fact>
        <Fact name="Tokens">
          {formatCount(model.inputTokens)} in, {formatCount(model.outputTokens)} out
          {model.estimatedUsage ? " (estimated)" : ""}
        </Fact>
        <Fact name="Cost">
          {model.costMicros === null ? "the model has no price" : formatCost(model.costMicros)}
        </Fact>
        <Fact name="Took">{model.cached ? "answered from the cache" : formatDuration(model.durationMs)}</Fact>
        {model.degraded === undefined ? null : <Fact name="Fallback, because">{model.degraded}</Fact>}
      </dl>
    </section>
  );
}

export function Deliveries({ event, nowMs }: { readonly event: EventDetail; readonly nowMs: number }) {
  return (
    <section class="card">
      <h2>Deliveries</h2>
      {event.deliveries.length === 0 ? (
        <p class="soft">None is confirmed.</p>
      ) : (
        <div class="scroll">
          <table class="cards">
            <thead>
              <tr>
                <th scope="col">Destination</th>
                <th scope="col">Answer</th>
                <th scope="col">Took</th>
                <th scope="col">Delivered</th>
                <th scope="col">Idempotency key</th>
              </tr>
            </thead>
            <tbody>
              {event.deliveries.map(({ destination, status, durationMs, deliveredAtMs, idempotencyKey }) => (
                <tr>
                  <td data-label="Destination">{destination}</td>
                  <td data-label="Answer">{status === 0 ? "accepted" : status}</td>
                  <td data-label="Took">{formatDuration(durationMs)}</td>
                  <td data-label="Delivered">
                    {deliveredAtMs === undefined ? "–" : <Time atMs={deliveredAtMs} nowMs={nowMs} />}
                  </td>
                  <td data-label="Key">
                    <code>{idempotencyKey ?? "–"}</code>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}
