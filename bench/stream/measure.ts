/** What is measured of a candidate. Times are this machine's; what counts are the ratios within one run. */
import { readFileSync } from "node:fs";
import { BEARER, stream, type Ask, type Candidate } from "./candidates.ts";

/** Sentences enough for an answer of a few hundred tokens. */
export const LETTER = [
  "Thank you for the quick help with our order.",
  "The parcel from Harbourline Logistics arrived on 4 March, two days early, and everything was in it.",
  "One jar was cracked, which is a pity, but the support team refunded 12.50 EUR the same day.",
  "Could you also send us the price list for next year, and tell Dana Whitfield in Berlin about the samples?",
  "We will gladly order again.",
].join(" ");

const MANY_TOKENS = 10_000;
const CLOCK_TICKS_PER_SECOND = 100;

export function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}

/**
 * Turn by turn, so that whatever else the machine does meets all of them, and in another order each time: what one leaves behind meets
 * whoever comes next. @returns per candidate, in order
 */
export async function firstTokens(candidates: readonly Candidate[], turns: number): Promise<number[][]> {
  const times = candidates.map((): number[] => []);
  for (let turn = -WARM_UP_TURNS; turn < turns; turn++) {
    for (const [index, { ask }] of shuffled([...candidates.entries()])) {
      const { firstTokenMs } = await stream(ask("instant", "Hello there, how are you?", 2));
      if (turn >= 0) times[index]?.push(firstTokenMs);
    }
  }
  return times;
}

function shuffled<Item>(items: readonly Item[]): readonly Item[] {
  return items
    .map((item) => ({ item, place: Math.random() }))
    .toSorted((left, right) => left.place - right.place)
    .map(({ item }) => item);
}

const WARM_UP_TURNS = 20;

export interface FrameCost {
  readonly frames: number;
  /** NaN where there is no process, or no /proc. */
  readonly cpuMicrosPerFrame: number;
  readonly wallMsPerFrame: number;
}

/** Round by round, each time in another order: a machine's speed drifts, and a ratio is only one between what ran side by side. */
export async function frameCosts(
  candidates: readonly Candidate[],
  streams: number,
  rounds: number,
): Promise<FrameCost[]> {
  const sums = candidates.map(() => ({ frames: 0, cpuMs: 0, wallMs: 0 }));
  for (let round = -1; round < rounds; round++) {
    for (const [index, { ask, pid }] of shuffled([...candidates.entries()])) {
      const asked = ask("paced", LETTER, MANY_TOKENS);
      const beforeMs = cpuMs(pid);
      const done = await Promise.all(Array.from({ length: streams }, () => stream(asked)));
      const sum = sums[index];
      // The first round is for warming up.
      if (sum === undefined || round < 0) continue;
      sum.cpuMs += cpuMs(pid) - beforeMs;
      for (const { tokens, totalMs } of done) {
        sum.frames += tokens;
        sum.wallMs += totalMs;
      }
    }
  }
  return sums.map(({ frames, cpuMs: spentMs, wallMs }) => ({
    frames,
    cpuMicrosPerFrame: (spentMs * 1_000) / frames,
    wallMsPerFrame: wallMs / frames,
  }));
}

/** User and system time of a process. Linux only; elsewhere not a number. */
function cpuMs(pid: number | null): number {
  if (pid === null) return Number.NaN;
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    // After the command's name, which may hold anything: utime and stime are the 12th and 13th of the rest.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return ((Number(fields[11]) + Number(fields[12])) * 1_000) / CLOCK_TICKS_PER_SECOND;
  } catch {
    return Number.NaN;
  }
}

export interface StartedStream {
  readonly id: string;
  readonly view: (after: number) => Ask;
}

export async function startStream(gatewayUrl: string, pace: "instant" | "paced"): Promise<StartedStream> {
  const response = await fetch(`${gatewayUrl}/v1/streams`, {
    method: "POST",
    headers: { ...BEARER, "content-type": "application/json" },
    body: JSON.stringify({ model: pace, input: LETTER }),
  });
  const { id, url } = (await response.json()) as { readonly id: string; readonly url: string }; // the gateway's own form
  const view = (after: number): Ask => ({
    url: `${url}?after=${after}`,
    method: "GET",
    headers: BEARER,
    body: "",
    mark: "event: delta",
  });
  return { id, view };
}

export async function rowsOf(gatewayUrl: string, id: string): Promise<number> {
  return Number(await (await fetch(`${gatewayUrl}/rows/${id}`)).text());
}

export interface Audience {
  readonly viewers: number;
  readonly cpuMicrosPerFrame: number;
  /** From the first viewer that has a frame to the last. */
  readonly spreadMs: readonly number[];
}

export async function audience(gatewayUrl: string, pid: number, viewers: number): Promise<Audience> {
  const { view } = await startStream(gatewayUrl, "paced");
  const firstMs: number[] = [];
  const lastMs: number[] = [];
  const beforeMs = cpuMs(pid);
  const done = await Promise.all(
    Array.from({ length: viewers }, () =>
      stream(view(0), (token, atMs) => {
        firstMs[token] ??= atMs;
        lastMs[token] = atMs;
      }),
    ),
  );
  const frames = done.reduce((sum, { tokens }) => sum + tokens, 0);
  return {
    viewers,
    cpuMicrosPerFrame: ((cpuMs(pid) - beforeMs) * 1_000) / frames,
    spreadMs: firstMs.flatMap((atMs, token) => (lastMs[token] ?? atMs) - atMs),
  };
}
