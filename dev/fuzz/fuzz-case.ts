/** One case of the fuzz: made from a seed and a number alone, so that each can be played again by itself. */
import { seededRandom } from "../lib/random.ts";
import { SIGNERS } from "../senders/signers.ts";
import type { Keyring } from "./keyring.ts";
import { MUTATIONS } from "./mutations.ts";
import type { FuzzRequest } from "./request.ts";
import { createWorkshop } from "./workshop.ts";

/**
 * `accept`: the control group, a 200 and nothing else. `refuse`: never a 2xx. `either`: a 2xx if the request is
 * genuine all the same.
 */
export type Expectation = "accept" | "refuse" | "either";

export interface FuzzCase {
  readonly index: number;
  readonly sender: string;
  readonly kind: string;
  /** Sent one after the other. */
  readonly requests: readonly [FuzzRequest, ...FuzzRequest[]];
  readonly expected: Expectation;
  /** All of them are one event: their answers name the same id. */
  readonly isOneEvent: boolean;
}

export interface CaseInput {
  readonly seed: number;
  readonly index: number;
  readonly keyring: Keyring;
  readonly origin: string;
  readonly nowMs: number;
}

/** Not those whose keys are fetched from the sender's own host: test/workers/ingest-tokens.test.ts and ingest-paypal.test.ts forge theirs. */
const SENDERS = [...SIGNERS.values()].filter(
  ({ key }) => key !== "google" && key !== "plaid" && key !== "paypal",
);
/** Spreads neighbouring numbers over the generator's states. */
const STRIDE = 2_654_435_761;

export async function makeCase({ seed, index, keyring, origin, nowMs }: CaseInput): Promise<FuzzCase> {
  const random = seededRandom((seed + Math.imul(index + 1, STRIDE)) >>> 0);
  // Every sender meets every mutation in turn, whatever chance says.
  const sender = SENDERS[index % SENDERS.length];
  const mutation = MUTATIONS[Math.floor(index / SENDERS.length) % MUTATIONS.length];
  if (sender === undefined || mutation === undefined) throw new Error("there are senders and mutations");
  const id = `fuzz-${seed}-${index}`;
  const workshop = createWorkshop({ sender, random, keyring, origin, nowMs, id });
  const made = await mutation.make(workshop);
  return {
    index,
    sender: sender.name,
    kind: mutation.kind,
    requests: made.requests,
    expected: made.expected,
    isOneEvent: made.isOneEvent === true,
  };
}
