import { expect, it } from "vitest";
import type { Frame } from "../../src/core/stream/model.ts";
import { createEncoder } from "../../src/streaming/formats/format.ts";
import { openViewer, type WatchedLog } from "../../src/streaming/viewer.ts";

const encoder = createEncoder("sluice", { id: "strm_1", model: "fast", startedAtMs: 0 });
const FRAMES: readonly Frame[] = [
  { id: 1, body: { kind: "start" } },
  { id: 2, body: { kind: "text", text: "a" } },
  { id: 3, body: { kind: "stopped", usage: null } },
];

/** A log that has this many frames, and waits for more. */
function logOf(count: number) {
  let shown = count;
  const wakes = new Set<() => void>();
  const exhausted = Promise.withResolvers<void>();
  const log: WatchedLog = {
    framesAfter: (cursor) => {
      const frames = FRAMES.slice(0, shown).filter(({ id }) => id > cursor);
      if (frames.length === 0) exhausted.resolve();
      return frames;
    },
    subscribe: (wake) => {
      wakes.add(wake);
      return () => wakes.delete(wake);
    },
    encode: (frames) => new TextEncoder().encode(frames.map((frame) => encoder.encode(frame)).join("")),
  };
  const show = () => {
    shown += 1;
    for (const wake of wakes) wake();
  };
  return { log, show, waiting: () => wakes.size, exhausted: exhausted.promise };
}

function open(log: WatchedLog, heartbeatMs = 60_000, cursor = 0) {
  let left = 0;
  const body = openViewer(log, {
    cursor,
    heartbeatMs,
    left: () => {
      left += 1;
    },
  });
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  return { reader, left: () => left };
}

it("a viewer is told when to reconnect, and hears a heartbeat while nothing is said", async () => {
  const { reader } = open(logOf(1).log, 5);
  expect((await reader.read()).value).toMatch(/^retry: 2000\nid: 1\nevent: start\n/);
  for (let beat = 0; beat < 3; beat++) expect((await reader.read()).value).toBe(": keep-alive\n\n");
  await reader.cancel();
});

it("the hint to reconnect comes first, also to one that has to wait", async () => {
  const { reader } = open(logOf(1).log, 5, 1);
  expect((await reader.read()).value).toBe("retry: 2000\n: keep-alive\n\n");
  await reader.cancel();
});

it("a frame is sent as soon as it is in the log, and the connection ends with the stream", async () => {
  const { log, show } = logOf(1);
  const { reader, left } = open(log);
  await reader.read();
  const next = reader.read();
  show();
  expect((await next).value).toContain("event: delta");
  show();
  expect((await reader.read()).value).toContain("event: stopped");
  expect((await reader.read()).done).toBe(true);
  expect(left()).toBe(1);
});

it("what is shown before a waiting viewer has its turn comes all, in order: nothing live overtakes it", async () => {
  const { log, show, exhausted } = logOf(1);
  const { reader } = open(log);
  await reader.read();
  const next = reader.read();
  await exhausted;
  show();
  show();
  expect((await next).value).toMatch(/event: delta[^]*event: stopped/);
});

it("a viewer that leaves while it waits leaves nothing waiting, and is seen to leave once", async () => {
  const { log, waiting } = logOf(1);
  const { reader, left } = open(log);
  await reader.read();
  const last = reader.read();
  expect(waiting()).toBe(1);
  await reader.cancel();
  await last;
  expect(left()).toBe(1);
  expect(waiting()).toBe(0);
});
