/** The object of a stream that nobody has asked for yet. */
import { abortAllDurableObjects, runDurableObjectAlarm } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it, vi } from "vitest";
import { LIMITS } from "../../src/config/limits.ts";
import { newStreamId, streamStub } from "../../src/streaming/stub.ts";
import { completion, delta, eventStream, fakeUpstream } from "./models-fake-upstream.ts";
import { allEvents, streaming } from "./streaming-fake-gateway.ts";
import { failToCommit, fedUpstream, testStream, type TestStream } from "./stream-support.ts";
import { eventually } from "../support/eventually.ts";

const alarmOf = (stream: TestStream) => stream.inside((_, { storage }) => storage.getAlarm());
const storedBy = (stream: TestStream) =>
  stream.inside(async (_, { storage }) => ({
    alarm: await storage.getAlarm(),
    keys: Array.from(storage.kv.list(), ([key]) => key),
  }));
const NOTHING = { alarm: null, keys: [] };

/** What the object sets its alarm to, from now on. */
const armings = (stream: TestStream) =>
  stream.inside((_, { storage }) => {
    const set = vi.spyOn(storage, "setAlarm");
    return () => set.mock.calls.map(([atMs]) => Number(atMs));
  });

describe("a prepared object", () => {
  it("is no stream to anybody who looks, or stops it", async () => {
    const stream = await testStream(streaming(""));
    await stream.stub().prepare();
    expect((await stream.attach()).status).toBe(404);
    expect(await stream.stub().stop()).toBeNull();
    expect((await stream.attach(3, "ui")).status).toBe(404);
  });

  it("that nobody starts leaves nothing behind, however often it was prepared, also after a restart", async () => {
    const unused = await testStream(streaming(""));
    await unused.stub().prepare();
    await unused.stub().prepare();
    expect(await storedBy(unused)).not.toEqual(NOTHING);
    await runDurableObjectAlarm(unused.stub());
    expect(await storedBy(unused)).toEqual(NOTHING);

    const restarted = await testStream(streaming(""));
    await restarted.stub().prepare();
    await abortAllDurableObjects();
    await runDurableObjectAlarm(restarted.stub());
    expect(await storedBy(restarted)).toEqual(NOTHING);
  });

  it("whose start is refused leaves nothing behind either", async () => {
    const stream = await testStream(streaming(""));
    await stream.stub().prepare();
    await stream.refuse({ kind: "denied", reason: "requests", retryAtMs: Date.now() + 1_000 });
    expect((await stream.start()).status).toBe(429);
    await runDurableObjectAlarm(stream.stub());
    expect(await storedBy(stream)).toEqual(NOTHING);
  });

  it("serves its start as any other does, with the alarm it has: no row more", async () => {
    const [prepared, fresh] = [
      await testStream(streaming(completion(["a"]))),
      await testStream(streaming(completion(["a"]))),
    ];
    const [armed, armedFresh] = [await armings(prepared), await armings(fresh)];
    await prepared.stub().prepare();
    const events = await allEvents(await prepared.start("sluice"));
    await allEvents(await fresh.start("sluice"));
    expect(events.map(({ event, id }) => [event, id])).toEqual([
      ["start", "1"],
      ["delta", "2"],
      ["done", "3"],
    ]);
    // The watchdog and the deletion.
    expect(armed()).toHaveLength(2);
    expect(armedFresh()).toHaveLength(2);
    const rowsOf = (stream: TestStream) =>
      stream.inside((object) => Reflect.get(object, "store").rowsWritten);
    expect(await rowsOf(prepared)).toBe(await rowsOf(fresh));
  });

  it("is looked after no later than any other, and again while it generates", async () => {
    const { upstream, say, finish, called } = fedUpstream();
    const stream = await testStream(upstream);
    await stream.stub().prepare();
    const preparedFor = (await alarmOf(stream)) ?? 0;
    await stream.start();
    await called();
    expect(await alarmOf(stream)).toBe(preparedFor);
    await runDurableObjectAlarm(stream.stub());
    expect(await alarmOf(stream)).not.toBeNull();
    say(delta("a"));
    finish();
    expect((await allEvents(await stream.attach())).map(({ event }) => event)).toEqual([
      "start",
      "delta",
      "done",
    ]);
  });

  it("that was restarted in between sets its alarm as if it had never been prepared", async () => {
    const stream = await testStream(streaming(completion(["a"])));
    await stream.serveEveryInstance();
    await stream.stub().prepare();
    await abortAllDurableObjects();
    const armed = await armings(stream);
    const beforeMs = Date.now();
    expect(await allEvents(await stream.start("sluice"))).toHaveLength(3);
    expect(armed()).toHaveLength(2);
    expect(armed()[0]).toBeGreaterThanOrEqual(beforeMs + LIMITS.streams.watchdogMs);
    vi.restoreAllMocks();
  });

  it("whose alarm is late is looked after anew", async () => {
    const stream = await testStream(streaming(completion(["a"])));
    await stream.stub().prepare();
    const armed = await armings(stream);
    const now = vi.spyOn(Date, "now").mockReturnValue(Date.now() + LIMITS.streams.watchdogMs + 1_000);
    try {
      await allEvents(await stream.start("sluice"));
      expect(armed()[0]).toBe(Date.now() + LIMITS.streams.watchdogMs);
    } finally {
      now.mockRestore();
    }
  });
});

describe("preparing", () => {
  it("disturbs no stream that there is: open, ended, or after a restart", async () => {
    const { upstream, say, finish, called } = fedUpstream();
    const stream = await testStream(upstream);
    await stream.start();
    await called();
    const watchdog = await alarmOf(stream);
    await stream.stub().prepare();
    expect(await alarmOf(stream)).toBe(watchdog);
    say(delta("a"));
    finish();
    await stream.settled();
    const deletion = await alarmOf(stream);
    await stream.stub().prepare();
    await abortAllDurableObjects();
    await stream.stub().prepare();
    expect(await alarmOf(stream)).toBe(deletion);
    expect((await allEvents(await stream.attach())).map(({ event }) => event)).toEqual([
      "start",
      "delta",
      "done",
    ]);
  });
});

describe("a start", () => {
  it("that is being admitted while a prepared object's alarm fires survives it, with an alarm", async () => {
    const stream = await testStream(streaming(completion(["a"])));
    await stream.stub().prepare();
    const seen = { asked: false, goes: false };
    await stream.inside((object) => {
      const { guard } = Reflect.get(object, "services").call(object);
      const { admit } = guard;
      guard.admit = async () => {
        seen.asked = true;
        while (!seen.goes) await new Promise((resolve) => setTimeout(resolve, 1));
        return admit();
      };
    });
    const starting = stream.start("sluice");
    await eventually(() => expect(seen.asked).toBe(true));
    await runDurableObjectAlarm(stream.stub());
    seen.goes = true;
    expect((await allEvents(await starting)).map(({ event }) => event)).toEqual(["start", "delta", "done"]);
    expect(await alarmOf(stream)).toBeGreaterThan(Date.now());
    await abortAllDurableObjects();
    expect(await allEvents(await stream.attach())).toHaveLength(3);
  });

  it("that comes while a prepared object deletes itself survives it, with an alarm", async () => {
    for (const first of ["alarm", "start"] as const) {
      const { upstream, say, called } = fedUpstream();
      const stream = await testStream(upstream);
      await stream.stub().prepare();
      const alarm = () => runDurableObjectAlarm(stream.stub());
      if (first === "alarm") await Promise.all([alarm(), stream.start()]);
      else await Promise.all([stream.start(), alarm()]);
      await called();
      expect(await alarmOf(stream)).toBeGreaterThan(Date.now());
      say(delta("a"));
      expect(await stream.stub().stop()).toMatchObject({ state: "stopped" });
      await abortAllDurableObjects();
      expect((await stream.attach()).status).toBe(200);
    }
  });
});

describe("the model", () => {
  /** Its endpoint is another object: requests to that leave by the way that every request leaves. */
  async function behindAnother(isStored: boolean) {
    const heard: string[] = [];
    const endpoint = await testStream(streaming(""));
    await endpoint.inside((object) =>
      Object.assign(object, {
        fetch: async (request: Request) => {
          heard.push(request.url);
          return new Response(completion(["a"]), { headers: { "content-type": "text/event-stream" } });
        },
      }),
    );
    const asked: string[] = [];
    const upstream = fakeUpstream(async ({ url }) => {
      asked.push(url);
      const answer = await streamStub(env.STREAM, endpoint.id).fetch(url);
      return eventStream(await answer.text());
    });
    const stream = await testStream(upstream, {}, newStreamId());
    if (!isStored) await failToCommit(stream);
    const answer = await stream.start("sluice").then(allEvents, () => "failed");
    return { answer, asked, heard };
  }

  it("hears of a stream that is stored, and of none whose record could not be: its request never leaves the object", async () => {
    const stored = await behindAnother(true);
    expect(stored.answer).toHaveLength(3);
    expect(stored.heard).toHaveLength(1);
    const failed = await behindAnother(false);
    expect(failed.answer).toBe("failed");
    expect(failed.asked).toHaveLength(1);
    expect(failed.heard).toEqual([]);
  });
});
