/** A model and destinations that do what such things do. Judged by their own records of who called how often. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ModelCall } from "../../dev/model-server/server.ts";
import type { Sample } from "../../dev/senders/sample.ts";
import {
  arm,
  deliveriesOf,
  effectOf,
  effectsOf,
  eventIn,
  send,
  startGateway,
  type EventAnswer,
  type LocalGateway,
} from "../support/e2e-gateway.ts";
import { createSamples, withData } from "../support/e2e-samples.ts";
import { until } from "../support/e2e-until.ts";

const samples = createSamples(33);
/** Successes the model's breaker has seen before anything fails: a few faults must not open it. */
const WARM_UP_EVENTS = 8;
const TIMER_TOLERANCE_MS = 50;

let gateway: LocalGateway;

beforeAll(async () => {
  gateway = await startGateway();
  const warmUp = Array.from({ length: WARM_UP_EVENTS }, () => samples.lead());
  await Promise.all(warmUp.map((sample) => send(gateway, sample)));
  await Promise.all(warmUp.map((sample) => effectOf(gateway, sample)));
});

afterAll(async () => {
  await gateway.close();
});

interface Case {
  readonly sample: Sample;
  /** In the prompt's first words, so that the model server's faults and records can be told by it. */
  readonly about: string;
}

/** An enquiry of its own customer whose prompt and delivery can be told from all others. */
function enquiry(about: string): Case {
  return { about, sample: withData(samples.lead(), { company: about }) };
}

function callsAbout(about: string): readonly ModelCall[] {
  return gateway.model.calls.entries().filter((call) => call.textStart.includes(about));
}

const armModel = ({ about }: Case, fault: Readonly<Record<string, unknown>>) =>
  arm(gateway.model, { match: about, ...fault });

const armSink = ({ about }: Case, fault: Readonly<Record<string, unknown>>) =>
  arm(gateway.sink, { match: about, path: "/crm", ...fault });

async function run(subject: Case, endsAs: string): Promise<EventAnswer> {
  const answer = await send(gateway, subject.sample);
  expect(answer).toMatchObject({ status: 200, word: "queued" });
  return eventIn(gateway, answer.id, endsAs);
}

const retries = (event: EventAnswer) => event.timeline.filter(({ what }) => what === "retrying").length;

// The longest first: they run beside each other, and the retries of a delivery take their time.
describe.concurrent("a destination", () => {
  it("that does not answer is left after its time-out, tried again under the same id, and holds up no other lane", async () => {
    const payment = samples.stripe();
    const others = [samples.lead(), samples.github()];
    await arm(gateway.sink, { match: payment.id, path: "/books", hang: true, times: 1 });
    const { id } = await send(gateway, payment);
    await until("the payment's delivery hangs", () => deliveriesOf(gateway, payment)[0]);
    await Promise.all(others.map((sample) => send(gateway, sample)));
    await Promise.all(others.map((sample) => effectOf(gateway, sample)));
    expect(deliveriesOf(gateway, payment).map(({ status }) => status)).toEqual([null]);

    const event = await eventIn(gateway, id, "done");
    const deliveries = deliveriesOf(gateway, payment);
    expect(deliveries.map(({ status }) => status)).toEqual([null, 200]);
    expect(new Set(deliveries.map(({ webhookId }) => webhookId))).toEqual(new Set([`${id}.1.books`]));
    expect(event).toMatchObject({ attempts: 0, deliveryAttempts: 1, deliveries: [{ status: 200 }] });
    expect(event.timeline).toContainEqual(
      expect.objectContaining({ what: "retrying", detail: "deliver: timeout" }),
    );
  });

  it("that fails twice gets the same id and body each time, has one effect, and costs no second model call", async () => {
    const subject = enquiry("Flaky Doors Ltd");
    await armSink(subject, { status: 500, times: 2 });
    const event = await run(subject, "done");
    const deliveries = deliveriesOf(gateway, subject.sample);
    expect(deliveries.map(({ status }) => status)).toEqual([500, 500, 200]);
    const [first] = deliveries;
    for (const { webhookId, body, signatureValid, traceparent } of deliveries) {
      expect({ webhookId, body, signatureValid, traceparent }).toEqual({
        webhookId: `${event.id}.1.crm`,
        body: first?.body,
        signatureValid: true,
        traceparent: first?.traceparent,
      });
    }
    expect(event).toMatchObject({ attempts: 0, deliveryAttempts: 2, deliveries: [{ status: 200 }] });
    expect(event.deliveries).toHaveLength(1);
    expect(callsAbout(subject.about)).toHaveLength(1);
  });

  it("that asks for time is given at least as much", async () => {
    const subject = enquiry("Patience & Sons");
    await armSink(subject, { status: 503, retryAfterSeconds: 7, times: 1 });
    await run(subject, "done");
    const [refused, delivered] = deliveriesOf(gateway, subject.sample);
    const waitedMs = (delivered?.receivedAtMs ?? 0) - (refused?.receivedAtMs ?? 0);
    expect(waitedMs).toBeGreaterThanOrEqual(7_000 - TIMER_TOLERANCE_MS);
  });

  it("that is gone (410) makes a dead letter at once, and does not hold up the customer's next event", async () => {
    const subject = enquiry("Gone Fishing AG");
    await armSink(subject, { status: 410, times: 1 });
    const event = await run(subject, "dead");
    expect(event).toMatchObject({ failure: { stage: "deliver", class: "permanent", code: "http_410" } });
    expect(event.deliveries).toEqual([]);
    const next = nextOf(subject, "Gone Fishing again");
    await run(next, "done");
    expect(deliveriesOf(gateway, subject.sample).map(({ status }) => status)).toEqual([410]);
  });

  it("that fails holds up the customer's later events, so that they still arrive in order", async () => {
    const subject = enquiry("Orderly Queue SA");
    await armSink(subject, { status: 500, times: 1 });
    const later = nextOf(subject, "Orderly Queue later");
    await Promise.all([run(subject, "done"), runAfter(subject, later)]);
    const arrived = gateway.sink.records
      .entries()
      .filter((record) => record.status === 200)
      .flatMap((record) =>
        [subject, later].filter(({ sample }) => effectsOf(gateway, sample).includes(record)),
      );
    expect(arrived.map(({ about }) => about)).toEqual([subject.about, later.about]);
  });
});

/** Another enquiry of the same customer. */
function nextOf({ sample }: Case, about: string): Case {
  const { email } = sample.payload["data"] as { readonly email: string }; // as the sender builds it
  return { about, sample: withData(samples.lead(), { company: about, email }) };
}

/** Acknowledged after the first one was. */
async function runAfter(first: Case, later: Case): Promise<void> {
  await until(`the first try of ${first.about}`, () => deliveriesOf(gateway, first.sample)[0]);
  await run(later, "done");
}

describe.concurrent("a model", () => {
  it("whose answer is garbage once is asked again, and what it then says is delivered", async () => {
    const subject = enquiry("Garbage Once");
    await armModel(subject, { garbage: true, times: 1 });
    const event = await run(subject, "done");
    expect(callsAbout(subject.about)).toHaveLength(2);
    // A second question, not a failed attempt: it says what was wrong with the first answer.
    expect(new Set(callsAbout(subject.about).map(({ textHash }) => textHash)).size).toBe(2);
    expect(event).toMatchObject({ attempts: 0, deliveries: [{ status: 200 }] });
    expect(effectsOf(gateway, subject.sample)).toHaveLength(1);
  });

  it("whose answer stays garbage leaves the event to a person, with nothing delivered", async () => {
    const subject = enquiry("Garbage Always");
    await armModel(subject, { garbage: true });
    const event = await run(subject, "review");
    expect(callsAbout(subject.about)).toHaveLength(2);
    expect(event.deliveries).toEqual([]);
    expect(event.timeline.at(-1)).toMatchObject({ what: "review" });
    await run(nextOf(subject, "After the garbage"), "done");
    expect(deliveriesOf(gateway, subject.sample)).toEqual([]);
  });

  it("that refuses leaves the event to a person as well", async () => {
    const subject = enquiry("Refusal Partners");
    await armModel(subject, { refusal: true });
    const event = await run(subject, "review");
    expect(event.deliveries).toEqual([]);
    expect(deliveriesOf(gateway, subject.sample)).toEqual([]);
  });

  it("that fails twice with 500 is tried again, and the event is delivered once", async () => {
    const subject = enquiry("Five Hundred Twice");
    await armModel(subject, { status: 500, times: 2 });
    const event = await run(subject, "done");
    expect(event).toMatchObject({ attempts: 2, deliveryAttempts: 0 });
    expect(retries(event)).toBe(2);
    expect(callsAbout(subject.about).map(({ status }) => status)).toEqual([500, 500, 200]);
    expect(effectsOf(gateway, subject.sample)).toHaveLength(1);
  });

  it("that cannot take the request (400) makes a dead letter with its code after one call", async () => {
    const subject = enquiry("Four Hundred");
    await armModel(subject, { status: 400, code: "invalid_value", message: "cannot be answered" });
    const event = await run(subject, "dead");
    expect(event).toMatchObject({ attempts: 1, output: null, deliveries: [] });
    expect(event.failure).toMatchObject({ stage: "infer", class: "permanent", code: "http_400" });
    await run(nextOf(subject, "After the refused"), "done");
    expect(callsAbout(subject.about)).toHaveLength(1);
    expect(deliveriesOf(gateway, subject.sample)).toEqual([]);
  });

  it("that is busy (429) is given the time it asks for", async () => {
    const subject = enquiry("Busy Bees");
    await armModel(subject, { status: 429, retryAfterSeconds: 1, times: 1 });
    await run(subject, "done");
    const [busy, answered, ...more] = callsAbout(subject.about);
    expect([busy?.status, answered?.status, more.length]).toEqual([429, 200, 0]);
    const waitedMs = (answered?.atMs ?? 0) - (busy?.atMs ?? 0);
    expect(waitedMs).toBeGreaterThanOrEqual(1_000 - TIMER_TOLERANCE_MS);
    expect(effectsOf(gateway, subject.sample)).toHaveLength(1);
  });

  it.each(["reset", "end"])(
    "whose stream stops half-way (%s) has not answered, and is asked again",
    async (cutMode) => {
      const subject = enquiry(`Cut by ${cutMode}`);
      await armModel(subject, { cutAfterChunks: 2, cutMode, times: 1 });
      const event = await run(subject, "done");
      expect(event).toMatchObject({ attempts: 1, output: { body: { contact: { company: subject.about } } } });
      expect(callsAbout(subject.about)).toHaveLength(2);
      expect(effectsOf(gateway, subject.sample)).toHaveLength(1);
    },
  );

  it("that reports an error in the middle of its stream has not answered either", async () => {
    const subject = enquiry("Error in the middle");
    await armModel(subject, { errorAfterChunks: 2, status: 500, times: 1 });
    const event = await run(subject, "done");
    expect(event).toMatchObject({ attempts: 1 });
    expect(effectsOf(gateway, subject.sample)).toHaveLength(1);
  });
});
