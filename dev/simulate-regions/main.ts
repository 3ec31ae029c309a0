/**
 * `npm run simulate:regions`: what senders wait for, and how long an event takes to its receiver, for homes right and
 * wrong, from a stated table of round-trip times. Arithmetic, not traffic: the same every time.
 */
import { commandLine } from "../lib/command-line.ts";
import { CITY, PLACES, roundTripMs, type Place } from "./round-trips.ts";
import { ackMs, ASSUMED, endToEndMs, type Mode, type Way } from "./way.ts";

const USAGE = `npm run simulate:regions
  No options: it prints the same tables every time.`;

commandLine(USAGE, {});

interface Pair {
  readonly sender: Place;
  readonly receiver: Place;
}

interface World {
  readonly name: string;
  readonly pairs: readonly Pair[];
  /** One customer has one home: near where its first event happened to come from. */
  readonly first?: Place;
}

const everywhere = (pairOf: (place: Place) => Pair): readonly Pair[] => PLACES.map(pairOf);

const WORLDS: readonly World[] = [
  {
    name: "one sender (Virginia: a payment provider), customers all over the world",
    pairs: everywhere((receiver) => ({ sender: "enam", receiver })),
  },
  {
    name: "each customer's own systems send and receive where it is",
    pairs: everywhere((place) => ({ sender: place, receiver: place })),
  },
  {
    name: "one customer in Frankfurt, heard from everywhere; its first event came from Sydney",
    first: "oc",
    pairs: everywhere((sender) => ({ sender, receiver: "weur" })),
  },
];

type HomeOf = (pair: Pair, world: World) => Place;
const QUEUE: Place = "enam";

const HOMES: readonly (readonly [string, HomeOf])[] = [
  ["near the sender (default: the first one's)", ({ sender }, { first }) => first ?? sender],
  ["near the receiver", ({ receiver }) => receiver],
  ["near the lane's queue", () => QUEUE],
  [
    "wrong: as far from the sender as can be",
    ({ sender }, { first }) => (first === undefined ? farthestFrom(sender) : "afr"),
  ],
];

function farthestFrom(place: Place): Place {
  return PLACES.reduce((far, one) => (roundTripMs(place, one) > roundTripMs(place, far) ? one : far), place);
}

function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

function figures(values: readonly number[]): string {
  return `${percentile(values, 0.5).toFixed(0).padStart(5)} ${Math.max(...values)
    .toFixed(0)
    .padStart(5)}`;
}

const MODES: readonly Mode[] = ["arrival", "strict", "sync"];

function show(world: World): void {
  console.log(`\n${world.name}`);
  console.log(`${"".padEnd(44)}${MODES.map((mode) => `${mode} ack / end to end`.padEnd(28)).join("")}`);
  for (const [name, homeOf] of HOMES) {
    const cells = MODES.map((mode) => {
      const ways = world.pairs.map((pair): Way => {
        // Batch work is asked centrally; who waits is served by the endpoint nearest to it.
        const model = mode === "sync" ? pair.sender : QUEUE;
        return { ...pair, home: homeOf(pair, world), queue: QUEUE, model, mode };
      });
      return `${figures(ways.map(ackMs))} / ${figures(ways.map(endToEndMs))}`.padEnd(28);
    });
    console.log(`${name.padEnd(44)}${cells.join("")}`);
  }
}

console.log(
  "Milliseconds, median and worst of the pairs. The lane's queue and its consumers are in",
  `${CITY[QUEUE]}.`,
);
console.log(
  "Assumed:",
  Object.entries(ASSUMED)
    .map(([name, ms]) => `${name.replace(/Ms$/, "")} ${ms}`)
    .join(", "),
);
for (const world of WORLDS) show(world);
console.log(`
What to choose
- arrival: the sender never meets the partition: its acknowledgement is a queue's write, wherever the home is. The home only
  counts end to end, two round trips from the consumer. Say nothing, or name the queue's region.
- strict: the acknowledgement is a commit in the home. Where one place sends, the default (near the first sender) is right. Where a
  customer is heard from everywhere, name the region most of its events come from: the first one may be the odd one out.
- sync: the sender waits for two round trips to the home and the model. The home belongs near those who wait, and the model's
  endpoint too. Two round trips to the other side of the world are 500 ms and more: a short deadline's all.
- A home cannot be moved. A wrong one is mended by a new epoch of the source, with the old one's horizon.`);
