/**
 * The next streams' objects, made ready off the way of any answer: the first request to an object, its storage and its alarm take
 * longer than everything else that stands before a first token. Kept per isolate as plain data, because one invocation may
 * not touch what another waits for. A spare is a convenience: a start that finds none has a new object, as ever.
 */
import { LIMITS } from "../config/limits.ts";
import { messageOf } from "../core/result.ts";
import {
  beginSpare,
  failSpare,
  finishSpare,
  giveBackSpare,
  missingSpares,
  NO_SPARES,
  noteStart,
  takeSpare,
  type ReadySpare,
  type Spares,
} from "../core/stream/spares.ts";
import type { Logger } from "../telemetry/log.ts";
import { mintLinkTokens, type LinkTokens } from "./links.ts";
import type { StreamTokens } from "./tokens.ts";

export type SpareStream = ReadySpare<LinkTokens>;

export interface SpareStreams {
  /** It is the caller's alone from now on. null: there is none. */
  take(): SpareStream | null;
  /** It was refused before its object heard of it. */
  giveBack(spare: SpareStream): void;
  /** A stream has been started: settles when those are ready that the next ones will need. Never rejects. */
  replenish(): Promise<void>;
}

export interface SpareStreamDeps {
  readonly newId: () => string;
  readonly prepare: (id: string) => Promise<void>;
  readonly tokens: StreamTokens;
  readonly nowMs: () => number;
  readonly sleep: (delayMs: number) => Promise<void>;
  readonly log: Logger;
}

const limits = LIMITS.streams;

export function createSpareStreams(deps: SpareStreamDeps): SpareStreams {
  const { newId, prepare, tokens, nowMs, sleep, log } = deps;
  let state: Spares<LinkTokens> = NO_SPARES;

  async function prepareOne(): Promise<void> {
    const id = newId();
    const atMs = nowMs();
    state = beginSpare(state, id, atMs, limits);
    try {
      const [minted] = await Promise.all([mintLinkTokens(tokens, id, atMs + limits.spareUseMs), prepare(id)]);
      state = finishSpare(state, id, minted);
    } catch (thrown) {
      const failed = failSpare(state, id, nowMs(), limits);
      ({ state } = failed);
      if (failed.isNews) log.warn("stream_spare_failed", { error: messageOf(thrown) });
    }
  }

  return {
    take() {
      const taken = takeSpare(state, nowMs(), limits);
      ({ state } = taken);
      return taken.spare;
    },
    giveBack(spare) {
      state = giveBackSpare(state, spare);
    },
    async replenish() {
      state = noteStart(state, nowMs(), limits);
      // An answer that has just begun is on its way through this isolate.
      await sleep(limits.spareDelayMs);
      const missing = missingSpares(state, nowMs(), limits);
      await Promise.all(Array.from({ length: missing }, () => prepareOne()));
    },
  };
}
