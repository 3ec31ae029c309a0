import { expect, it } from "vitest";
import { FEWEST_MEMORY_CASES, isFlat } from "../../dev/fuzz/memory.ts";

/** A heap as it is seen after each some hundred cases, with what collections leave lying about. */
function heapGrowingBy(bytesPerCase: number) {
  const samples = [];
  for (let cases = FEWEST_MEMORY_CASES / 2; cases <= FEWEST_MEMORY_CASES; cases += 500) {
    const litter = cases % 1_000 === 0 ? 20_000 : -20_000;
    samples.push({ cases, bytes: 7_000_000 + litter + cases * bytesPerCase });
  }
  return samples;
}

it("a heap that only wavers is flat", () => {
  expect(isFlat(heapGrowingBy(0)).holds).toBe(true);
});

it("a heap that keeps as little of every request as its URL and a time is not", () => {
  expect(isFlat(heapGrowingBy(100)).holds).toBe(false);
});

it("a heap that nobody could look at is not flat", () => {
  expect(isFlat([]).holds).toBe(false);
});
