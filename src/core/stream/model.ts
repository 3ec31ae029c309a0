/**
 * A generation's data: what is stored of it, and the log as an object holds it. Plain values; the machine
 * (`machine.ts`) maps them to new ones. Spec: docs/spec/stream.md.
 */
import type { FailureClass } from "../failure.ts";

export const STREAM_RECORD_VERSION = 1;

/** `starting` and `streaming` are open; the others have ended. */
export type StreamState = "starting" | "streaming" | "done" | "error" | "stopped" | "interrupted";

export interface StreamUsage {
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** Of the input: read from, and written to, the provider's cache. */
  readonly cachedInputTokens?: number;
  readonly cacheWriteTokens?: number;
  /** True when the provider did not say. */
  readonly estimated: boolean;
}

/** How a generation ends: exactly one of these, exactly once. */
export type Ending =
  | { readonly kind: "done"; readonly finishReason: string; readonly usage: StreamUsage }
  | {
      readonly kind: "error";
      readonly class: FailureClass;
      readonly code: string;
      /** null: nobody can say whether the provider did any work. */
      readonly usage: StreamUsage | null;
    }
  | { readonly kind: "stopped"; readonly usage: StreamUsage | null };

export type FrameBody =
  | { readonly kind: "start" }
  | { readonly kind: "text"; readonly text: string }
  /** What was shown after this frame no longer counts. */
  | { readonly kind: "rewind"; readonly toId: number }
  | Ending;

/** Ids rise, are never given twice, and are what a viewer resumes from. They may leave gaps. */
export interface Frame {
  readonly id: number;
  readonly body: FrameBody;
}

/** Frames stored together: one row. */
export interface Chunk {
  readonly firstId: number;
  readonly lastId: number;
  readonly storedAtMs: number;
  readonly frames: readonly Frame[];
}

/** Written before the model is called, each time that it is. The first frame follows from it; the state, from the last chunk. */
export interface StreamRecord {
  readonly v: typeof STREAM_RECORD_VERSION;
  readonly id: string;
  /** The gateway's name for the model. */
  readonly model: string;
  readonly startedAtMs: number;
  /** No upstream call outlives this. */
  readonly deadlineMs: number;
  /** Estimated: for the usage of a generation whose end nobody saw. */
  readonly inputTokens: number;
  /** How often the model was asked; absent: once. */
  readonly asks?: number;
}

/** What an object holds in memory of its log. Bounded, whatever the answer's length and the number of viewers. */
export interface StreamLog {
  readonly record: StreamRecord;
  readonly state: StreamState;
  readonly lastId: number;
  /** Everything up to here is durable. */
  readonly storedId: number;
  /** The newest frames, all unstored ones among them. */
  readonly tail: readonly Frame[];
  readonly unstoredCharacters: number;
  /** When the oldest unstored frame was shown. */
  readonly unstoredSinceMs: number;
  readonly endedAtMs: number | null;
}

/** Named limits; their reasons stand in `config/limits.ts`. */
export interface StreamLimits {
  readonly flushMs: number;
  readonly flushFrames: number;
  readonly maxUnstoredMs: number;
  readonly maxUnstoredCharacters: number;
  readonly maxUnstoredFrames: number;
  readonly idsPerRestart: number;
  readonly maxFrameCharacters: number;
  readonly tailFrames: number;
  readonly watchdogMs: number;
  readonly retentionMs: number;
}

export const FIRST_ID = 1;

export function isEnding(body: FrameBody): body is Ending {
  return body.kind === "done" || body.kind === "error" || body.kind === "stopped";
}

export function hasEnded(log: StreamLog): boolean {
  return log.state !== "starting" && log.state !== "streaming";
}
