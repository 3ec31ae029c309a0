/** Guards of models and destinations: breaker, rates, slots; trip and reset. */
import type * as z from "zod";
import { LIMITS, MINUTE_MS, SECOND_MS } from "../../config/limits.ts";
import { guardListSchema } from "../../operator/routes/guards.ts";
import { guardSchema } from "../../operator/schemas.ts";
import { goTo, sendPage, sendProblem, type DashboardContext } from "../answer.tsx";
import { ActionButton, Choice, ReasonForm } from "../components/forms.tsx";
import { Phase } from "../components/guard-phase.tsx";
import { Empty } from "../components/layout.tsx";
import { Fact, Time } from "../components/text.tsx";
import { formatCount, formatDuration, formatShare } from "../format.ts";
import { integerIn, optional, textIn } from "../forms.ts";
import type { DashboardApp, Visitor } from "../visitor.ts";

type Guard = z.output<typeof guardSchema>;
type Usage = NonNullable<Guard["state"]>["requests"];

const PATH = "/dashboard/guards";
const BACK = { href: PATH, label: "guards" };
const TRIP_MINUTES = [1, 5, 15, 60, 240, LIMITS.operator.maxTripMs / MINUTE_MS] as const;

export function registerGuards(app: DashboardApp): void {
  app.get("/guards", (context) => showGuards(context));
  app.post("/guards/:name/trip", async (context) => {
    const { form, visitor } = context.var;
    const body = { seconds: integerIn(form, "seconds"), ...optional("reason", textIn(form, "reason")) };
    const path = `/guards/${encodeURIComponent(context.req.param("name"))}/trip`;
    const answer = await visitor.api.send("POST", path, body, guardSchema);
    return answer.ok ? goTo(context, PATH, { notice: "tripped" }) : sendProblem(context, answer.error, BACK);
  });
  app.post("/guards/:name/reset", async (context) => {
    const path = `/guards/${encodeURIComponent(context.req.param("name"))}/reset`;
    const answer = await context.var.visitor.api.send("POST", path, {}, guardSchema);
    return answer.ok ? goTo(context, PATH, { notice: "reset" }) : sendProblem(context, answer.error, BACK);
  });
}

async function showGuards(context: DashboardContext) {
  const { visitor } = context.var;
  const list = await visitor.api.get("/guards", guardListSchema);
  if (!list.ok) return sendProblem(context, list.error);
  const { guards } = list.value;
  return sendPage(context, {
    title: "Guards",
    section: "Guards",
    refreshSeconds: 10,
    children: (
      <>
        <h1>Guards</h1>
        <p class="soft">
          What stands before every model and every destination with limits. While a breaker is open, what
          needs the endpoint waits and uses up no retry.
        </p>
        {guards.length === 0 ? (
          <div class="card">
            <Empty>
              <p>
                The config names no model, and no destination with limits. Add them in{" "}
                <code>gateway.config.ts</code>.
              </p>
            </Empty>
          </div>
        ) : (
          <div class="grid">
            {guards.map((guard) => (
              <GuardCard guard={guard} visitor={visitor} />
            ))}
          </div>
        )}
      </>
    ),
  });
}

function GuardCard({ guard, visitor }: { readonly guard: Guard; readonly visitor: Visitor }) {
  const { name, limits, state } = guard;
  const path = `${PATH}/${encodeURIComponent(name)}`;
  const { nowMs } = visitor;
  return (
    <section class="card" aria-label={name}>
      <div class="head">
        <h2>{name}</h2>
        <Phase phase={state?.breaker.phase ?? null} />
      </div>
      {state === null ? (
        <p>It does not answer just now. Its events wait, and are tried again.</p>
      ) : (
        <dl class="facts">
          {state.breaker.untilMs === null ? null : (
            <Fact name="Open until">
              <Time atMs={state.breaker.untilMs} nowMs={nowMs} />
            </Fact>
          )}
          <Fact name="Failures in the last minute">
            {formatCount(state.breaker.failures)} of {formatCount(state.breaker.calls)} calls
          </Fact>
          <Fact name="Requests in the last minute">
            {usageText(state.requests, limits.requestsPerMinute)}
          </Fact>
          <Fact name="Tokens in the last minute">{usageText(state.tokens, limits.tokensPerMinute)}</Fact>
          <Fact name="Slots held">{usageText(state.slots, limits.maxConcurrent)}</Fact>
          <Fact name="Rate in force">
            {formatShare(state.rateFactor)} of the configured one
            {state.pausedUntilMs === null ? null : (
              <>
                , paused by the other side, ends <Time atMs={state.pausedUntilMs} nowMs={nowMs} />
              </>
            )}
          </Fact>
          <Fact name="Latency">
            {state.latencyMs === null ? "not known" : formatDuration(state.latencyMs)}
          </Fact>
          <Fact name="Last turn handed out">
            {state.queuedUntilMs === null ? (
              "nobody waits"
            ) : (
              <Time atMs={state.queuedUntilMs} nowMs={nowMs} />
            )}
          </Fact>
        </dl>
      )}
      <ReasonForm
        visitor={visitor}
        id={`trip-${name.replaceAll(/[^A-Za-z0-9]/g, "-")}`}
        summary="Open its breaker"
        action={`${path}/trip`}
        label="Trip"
        tone="danger"
        about={name}
        reasonRequired={false}
      >
        <Choice
          name="seconds"
          label="For"
          value="300"
          options={TRIP_MINUTES.map((minutes) => [
            String((minutes * MINUTE_MS) / SECOND_MS),
            formatDuration(minutes * MINUTE_MS),
          ])}
        />
      </ReasonForm>
      {state === null ||
      state.breaker.phase !== "closed" ||
      state.rateFactor < 1 ||
      state.pausedUntilMs !== null ? (
        <div class="below">
          <ActionButton visitor={visitor} action={`${path}/reset`} label="Reset" about={name} />
        </div>
      ) : null}
    </section>
  );
}

/** A guard learns its limits with the first call: until then the config's are what will be in force. */
function usageText({ used, cap }: Usage, configured: number | undefined): string {
  const total = formatCount(used.high + used.normal + used.low);
  const limit = cap ?? configured;
  return limit === undefined ? `${total}, no limit in force` : `${total} of ${formatCount(limit)}`;
}
