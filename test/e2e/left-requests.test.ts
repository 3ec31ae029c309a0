/** A sender that leaves takes nothing of the isolate along: what it held or shared is there for the next one. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startBareWorker, type BareWorker } from "../support/bare-workerd.ts";
import { until } from "../support/e2e-until.ts";

let worker: BareWorker;

beforeAll(async () => {
  worker = await startBareWorker("dev/workers/left-requests.worker.ts", { ASKED: "AskedObject" });
});
afterAll(() => worker.close());

const ask = async (path: string) => {
  const response = await fetch(`${worker.url}${path}`, { signal: AbortSignal.timeout(5_000) });
  return `${response.status} ${await response.text()}`;
};

describe("a sender that leaves", () => {
  it("in the middle of a large body leaves its room to the next one", async () => {
    for (let left = 0; left < 2; left++) await ask("/leave?from=/body&wait=1&afterMs=100");
    await until("there is room again", async () => (await ask("/back/body")) === "200 taken");
  });

  it("in the middle of a 10 MiB webhook leaves room for two of the same size", async () => {
    for (let left = 0; left < 2; left++) await ask("/leave?from=/in/gitlab&mib=10&afterMs=200");
    const statuses = [1, 2].map(async () => (await ask("/back/in/gitlab?mib=10")).slice(0, 3));
    expect(await Promise.all(statuses)).toEqual(["200", "200"]);
  });

  it("while the Secrets Store is asked makes nobody else wait for its question", async () => {
    await ask("/leave?from=/secret&answers=0&afterMs=100");
    expect(await ask("/back/secret?answers=1")).toBe("200 secret");
  });

  it("while it leads a call that others wait for holds them up no longer than a flight may last", async () => {
    await ask("/leave?from=/flight&wait=1&afterMs=100");
    expect(await ask("/back/flight")).toBe("200 somebody is at it");
    await until("the next one leads", async () => (await ask("/back/flight")) === "200 led");
  });

  it("while a Durable Object asks for it leaves the object able to answer others", async () => {
    await ask("/leave?from=/asked&afterMs=100");
    expect(await ask("/back/asked")).toBe("200 asked");
    // And nothing of the first question stays.
    expect(await ask("/back/asked")).toBe("200 asked");
  });
});
