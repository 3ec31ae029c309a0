import { expect, it } from "vitest";
import { createBodyMemory, type BodyRoom } from "../../src/platform/body-memory.ts";

const FOR_MS = 1_000;

function memoryOf(maxBytes: number) {
  const clock = { nowMs: 0 };
  const memory = createBodyMemory(maxBytes, () => clock.nowMs);
  const entered: string[] = [];
  const wait = (name: string, bytes: number): BodyRoom => {
    const room = memory.queue(bytes, FOR_MS);
    void room.entered.then((hasEntered) => hasEntered && entered.push(name));
    return room;
  };
  return { clock, memory, entered, wait, has: (bytes: number) => memory.reserve(bytes, FOR_MS) !== null };
}

/** Everything that is already resolved has been told. */
const told = () => new Promise((resolve) => setTimeout(resolve));

it("a body that is alone always has room, others only what is left", () => {
  const { memory, has } = memoryOf(10);
  const alone = memory.reserve(11, FOR_MS);
  expect([alone !== null, has(1)]).toEqual([true, false]);
  alone?.release();
  expect([has(6), has(4), has(1)]).toEqual([true, true, false]);
});

it("those who wait are let in by turns, and one that gives up holds up nobody", async () => {
  const { entered, wait } = memoryOf(10);
  const first = wait("first", 8);
  const rooms = [wait("a", 9), wait("b", 2), wait("c", 10)];
  await told();
  expect(entered).toEqual(["first"]);
  rooms[0]?.release();
  await told();
  expect(entered).toEqual(["first", "b"]);
  expect(await rooms[0]?.entered).toBe(false);
  first.release();
  rooms[1]?.release();
  await told();
  expect(entered).toEqual(["first", "b", "c"]);
});

it("a newcomer does not go before those who wait", () => {
  const { wait, has } = memoryOf(10);
  wait("first", 8);
  wait("second", 9);
  expect(has(1)).toBe(false);
});

it("room that was granted to a request that left in that moment is given back", async () => {
  const { wait, has } = memoryOf(10);
  const first = wait("first", 10);
  const left = wait("left", 10);
  first.release();
  // Granted, and its request has not run since: all that is left of it is the signal.
  left.release();
  expect(has(10)).toBe(true);
});

it("giving back twice gives back once", () => {
  const { memory, has } = memoryOf(10);
  const room = memory.reserve(6, FOR_MS);
  room?.release();
  room?.release();
  expect([has(6), has(5)]).toEqual([true, false]);
});

it("a body that has become lighter makes room for the next one, and never heavier again", async () => {
  const { entered, wait } = memoryOf(10);
  const first = wait("first", 8);
  wait("second", 7);
  first.shrink(3);
  first.shrink(8);
  await told();
  expect(entered).toEqual(["first", "second"]);
});

it("shared room is free when all of its users have released it, and cannot be shared again then", () => {
  const { memory, has } = memoryOf(10);
  const room = memory.reserve(10, FOR_MS);
  expect(room?.share(FOR_MS)).toBe(true);
  room?.release();
  expect(has(1)).toBe(false);
  room?.release();
  expect(room?.share(FOR_MS)).toBe(false);
  expect(has(10)).toBe(true);
});

it("room of a request that is gone and never said so expires; shared room lives for the longer work", () => {
  const { clock, memory, has } = memoryOf(10);
  memory.reserve(4, FOR_MS);
  memory.reserve(6, FOR_MS)?.share(FOR_MS);
  clock.nowMs = FOR_MS - 1;
  expect(has(4)).toBe(false);
  clock.nowMs = FOR_MS;
  expect([has(4), has(1)]).toEqual([true, false]);
  clock.nowMs = 2 * FOR_MS;
  expect(has(10)).toBe(true);
});
