/** Replays of history, as the API starts them and the cron drives them. */
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import * as z from "zod";
import type { EventEnvelope } from "../../src/core/envelope.ts";
import { failure } from "../../src/core/failure.ts";
import type { StoredOutput } from "../../src/core/partition/model.ts";
import { createEventLedger } from "../../src/ledger/events.ts";
import { createPartitionClient } from "../../src/partition/client.ts";
import type { Prepared } from "../../src/pipeline/processor.ts";
import { definePipeline } from "../../src/index.ts";
import { actOn } from "../../src/replay/act.ts";
import { createReplayJobs } from "../../src/replay/job-store.ts";
import { stepReplays, type ReplayDependencies } from "../../src/replay/step.ts";
import { createLogger } from "../../src/telemetry/log.ts";
import { envelopeOf } from "../support/envelopes.ts";
import { emptyLedger } from "./ledger-support.ts";
import { leaseOver, Operator, OUTPUT, say, stubOf, tell } from "./operator-support.ts";

/** A minute ago: the cron forgets what is old. */
const RECEIVED_AT_MS = Date.now() - 60_000;
const limits = {
  jobsAtOnce: 4,
  eventsPerChunk: 3,
  eventsAtOnce: 2,
  stepMs: 45_000,
  holdMs: 60_000,
  maxTries: 2,
};
const second = definePipeline({
  name: "echo-v2",
  input: z.object({ key: z.string() }),
  format: ({ input }) => ({ body: { verdict: input.key } }),
  deliver: [],
});
const operator = new Operator({}, { pipelines: [second] });
const partitions = createPartitionClient({
  stub: stubOf,
  attempts: 1,
  sleep: () => Promise.resolve(),
  random: () => 0,
});
let round = 0;

beforeEach(async () => {
  await emptyLedger();
  round++;
});

/** Delivered, in partitions that stand still, so that a test sees what a replay alone has done. */
async function history(count: number, output: StoredOutput = OUTPUT): Promise<EventEnvelope[]> {
  return Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const customer = `replay-${round}-${index}`;
      const options = { key: `e${index}`, customer, receivedAtMs: RECEIVED_AT_MS + index };
      const envelope = await envelopeOf(options);
      const { partition, id } = envelope;
      const lease = await leaseOver(envelope);
      await say(partition, lease, { kind: "record", id, output });
      await say(partition, lease, { kind: "complete", id, deliveries: [], emits: [] });
      await stubOf(partition).operate({ kind: "pause", reason: "keep it still" });
      await tell(options);
      return envelope;
    }),
  );
}

async function runsOf(events: readonly EventEnvelope[]): Promise<(number | undefined)[]> {
  const views = await Promise.all(events.map((event) => stubOf(event.partition).read(event.id)));
  return views.map((view) => view?.run);
}

const jobSchema = z.looseObject({
  id: z.string(),
  status: z.string(),
  progress: z.unknown(),
  report: z.unknown(),
});

async function start(body: object): Promise<string> {
  const answer = await operator.post("/replays", body);
  expect(answer.status).toBe(201);
  return jobSchema.parse(answer.body).id;
}

const read = async (id: string) => jobSchema.parse((await operator.get(`/replays/${id}`)).body);

type Prepare = (event: { readonly envelope: EventEnvelope }) => Promise<Prepared>;

function minute(
  options: Partial<ReplayDependencies> = {},
  prepare: Prepare = () => Promise.reject(new Error("no")),
) {
  const acting = {
    partitions,
    prepare,
    limits: { maxFields: 50, maxTransitions: 20, maxExamples: 2, shadowTimeoutMs: 1_000 },
  };
  return stepReplays({
    jobs: createReplayJobs(env.LEDGER),
    ledger: createEventLedger({ database: env.LEDGER }),
    act: (job, target) => actOn(acting, job, target),
    nowMs: () => Date.now(),
    newId: () => crypto.randomUUID(),
    log: createLogger("error"),
    limits: { ...limits, report: acting.limits },
    ...options,
  });
}

describe("a replay of history", () => {
  it("sends what the filter selects round again, at its rate, and then is done", async () => {
    const events = await history(5);
    const id = await start({ filter: { toMs: RECEIVED_AT_MS + 4 }, ratePerMinute: 3 });
    expect(await read(id)).toMatchObject({ status: "running", progress: { seen: 0 } });
    await minute();
    expect(await runsOf(events)).toEqual([2, 2, 2, 1, 1]);
    expect(await read(id)).toMatchObject({ status: "running", progress: { seen: 3, applied: 3 } });
    await minute();
    expect(await runsOf(events)).toEqual([2, 2, 2, 2, 1]);
    expect(await read(id)).toMatchObject({ status: "done", progress: { seen: 4, applied: 4, refused: 0 } });
    await minute();
    expect(await runsOf(events)).toEqual([2, 2, 2, 2, 1]);
  });

  it("is driven by the Worker's cron", async () => {
    const events = await history(2);
    const id = await start({ maxEvents: 1 });
    await operator.scheduled();
    expect(await runsOf(events)).toEqual([2, 1]);
    expect(await read(id)).toMatchObject({ status: "done", progress: { applied: 1 } });
  });

  it("that died half-way goes on where it was, and replays nothing twice", async () => {
    const events = await history(4);
    const id = await start({});
    const jobs = createReplayJobs(env.LEDGER);
    let saves = 0;
    // Dies after the first events were sent round, before that is written down.
    const dying = {
      ...jobs,
      save: async (...save: Parameters<typeof jobs.save>) => {
        if (++saves > 1) throw new Error("the isolate is gone");
        return jobs.save(...save);
      },
    };
    await minute({ jobs: dying });
    expect(await runsOf(events)).toEqual([2, 2, 2, 1]);
    // Whoever died holds the job for a while.
    await minute();
    expect(await runsOf(events)).toEqual([2, 2, 2, 1]);
    await minute({ nowMs: () => Date.now() + limits.holdMs * 2 });
    expect(await runsOf(events)).toEqual([2, 2, 2, 2]);
    expect(await read(id)).toMatchObject({ status: "done", progress: { seen: 4, applied: 1, refused: 3 } });
  });

  it("is cancelled between two notes, and what it has done stays done", async () => {
    const events = await history(6);
    const id = await start({});
    const jobs = createReplayJobs(env.LEDGER);
    let pages = 0;
    const ledger = createEventLedger({ database: env.LEDGER });
    await minute({
      ledger: {
        list: async (request) => {
          if (++pages === 2) expect(await jobs.cancel(id, Date.now())).toBe(true);
          return ledger.list(request);
        },
      },
    });
    expect(await runsOf(events)).toEqual([2, 2, 2, 1, 1, 1]);
    expect(await read(id)).toMatchObject({ status: "cancelled", progress: { applied: 3 } });
    expect((await operator.post(`/replays/${id}/cancel`)).status).toBe(409);
    expect((await operator.post("/replays/none/cancel")).status).toBe(404);
    expect((await operator.get("/replays")).body["replays"]).toMatchObject([{ id, status: "cancelled" }]);
  });

  it("waits for a partition that is out of reach, gives it up in the end, and goes on", async () => {
    const events = await history(4);
    const id = await start({});
    const lost = events[1]?.id;
    const act: ReplayDependencies["act"] = (_, target) =>
      target.id === lost ? Promise.reject(new Error("no route")) : Promise.resolve({ outcome: "applied" });
    await minute({ act });
    const why = "its partition could not be reached";
    expect(await read(id)).toMatchObject({
      status: "running",
      progress: { applied: 2, waiting: 1 },
      waitsFor: { reason: why, untilMs: null },
    });
    await minute({ act });
    expect(await read(id)).toMatchObject({
      status: "done",
      progress: { applied: 3, failed: 1 },
      reasons: [{ why, events: 1 }],
      waitsFor: null,
    });
  });
});

describe("a shadow", () => {
  const shadow = { pipeline: "echo-v2" };
  const madeOf = (verdict: string): Prepared => ({
    kind: "ready",
    output: { ...OUTPUT, value: { score: 0.9 }, body: { verdict } },
  });

  it("runs another pipeline over history and reports; the log and the destinations never hear of it", async () => {
    const events = await history(4);
    const before = await Promise.all(events.map((event) => stubOf(event.partition).read(event.id)));
    const asked: string[] = [];
    const id = await start({ shadow });
    await minute({}, ({ envelope }) => {
      asked.push(`${envelope.pipeline} ${envelope.priority}`);
      return Promise.resolve(madeOf(envelope.id === events[0]?.id ? "reject" : "hold"));
    });
    await minute({}, () => Promise.resolve(madeOf("hold")));
    expect(new Set(asked)).toEqual(new Set(["echo-v2 low"]));
    expect(await read(id)).toMatchObject({
      status: "done",
      progress: { applied: 4 },
      report: {
        compared: 4,
        changed: { events: 1, share: 0.25 },
        transitions: [{ change: 'body.verdict: "hold" → "reject"', events: 1 }],
        examples: [{ id: events[0]?.id }],
        fields: expect.arrayContaining([
          expect.objectContaining({
            path: "output.score",
            agreement: 0,
            meanDifference: expect.closeTo(0.1, 5),
          }),
          expect.objectContaining({ path: "body.verdict", agreement: 0.75 }),
        ]),
      },
    });
    const after = await Promise.all(events.map((event) => stubOf(event.partition).read(event.id)));
    expect(after).toEqual(before);
  });

  it("waits where a guard says not yet, and says what could not be compared", async () => {
    const events = await history(3);
    const id = await start({ shadow });
    const failed = { kind: "failed", failure: failure("parse", "permanent", "schema", "no") } as const;
    let isDenied = true;
    const prepare: Prepare = ({ envelope }) => {
      if (envelope.id === events[0]?.id) return Promise.resolve(failed);
      if (envelope.id === events[1]?.id) return Promise.resolve(madeOf("hold"));
      return Promise.resolve(
        isDenied ? { kind: "deferred", untilMs: 1, reason: "requests" } : madeOf("hold"),
      );
    };
    await minute({}, prepare);
    expect(await read(id)).toMatchObject({
      status: "running",
      progress: { applied: 1, refused: 1, waiting: 1 },
    });
    isDenied = false;
    await minute({}, prepare);
    expect(await read(id)).toMatchObject({
      status: "done",
      report: { compared: 2, notCompared: [{ why: "failed: schema", events: 1 }] },
    });
  });

  it("waits until the time that the guard named, asks nobody before, and says what for", async () => {
    await history(1);
    const id = await start({ shadow });
    const untilMs = Date.now() + 150_000;
    let asked = 0;
    const prepare: Prepare = () => {
      asked++;
      return Promise.resolve(asked === 1 ? { kind: "deferred", untilMs, reason: "tokens" } : madeOf("hold"));
    };
    await minute({}, prepare);
    await minute({}, prepare);
    expect(asked).toBe(1);
    expect(await read(id)).toMatchObject({ status: "running", waitsFor: { reason: "tokens", untilMs } });
    await minute({ nowMs: () => untilMs }, prepare);
    expect(await read(id)).toMatchObject({
      status: "done",
      progress: { applied: 1, failed: 0 },
      waitsFor: null,
    });
  });

  it("runs with the Worker's own pipelines, and needs one that the config has", async () => {
    const [event] = await history(1);
    expect((await operator.post("/replays", { shadow: { pipeline: "none" } })).status).toBe(400);
    const id = await start({ shadow });
    await operator.scheduled();
    expect(await read(id)).toMatchObject({
      status: "done",
      report: {
        compared: 1,
        transitions: [{ change: 'body.verdict: "hold" → "e0"' }],
        before: { costMicros: null },
      },
    });
    expect(await runsOf(event === undefined ? [] : [event])).toEqual([1]);
  });
});
