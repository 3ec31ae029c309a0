/**
 * The viewers of one log: opens them, wakes them when there is more, and bounds how many there are. Holds nothing for any of
 * them; what the same frames look like in a format is worked out once for all who are at the same place.
 */
import { LIMITS } from "../config/limits.ts";
import { FIRST_ID, type Frame, type StreamRecord } from "../core/stream/model.ts";
import { createEncoder, type FrameEncoder, type StreamFormat } from "./formats/format.ts";
import type { StreamLinks } from "./formats/stream-facts.ts";
import { openViewer, type WatchedLog } from "./viewer.ts";

interface Encoded {
  readonly firstId: number;
  readonly lastId: number;
  readonly bytes: Uint8Array;
}

export class Audience {
  readonly #framesAfter: (cursor: number) => readonly Frame[];
  readonly #wakes = new Set<() => void>();
  /** The newest piece of each format: one that was joined last. */
  readonly #newest = new Map<StreamFormat, Encoded>();
  readonly #text = new TextEncoder();
  #viewers = 0;

  constructor(framesAfter: (cursor: number) => readonly Frame[]) {
    this.#framesAfter = framesAfter;
  }

  get isFull(): boolean {
    return this.#viewers >= LIMITS.streams.maxViewers;
  }

  /** There is more to be seen. */
  wake(): void {
    for (const wake of this.#wakes) wake();
  }

  view(record: StreamRecord, format: StreamFormat, cursor: number, links?: StreamLinks): Response {
    const encoder = createEncoder(format, links === undefined ? record : { ...record, links });
    this.#viewers += 1;
    const log: WatchedLog = {
      framesAfter: this.#framesAfter,
      subscribe: (wake) => {
        this.#wakes.add(wake);
        return () => this.#wakes.delete(wake);
      },
      encode: (frames) => this.#encode(format, encoder, frames),
    };
    const body = openViewer(log, {
      cursor,
      heartbeatMs: LIMITS.streams.heartbeatMs,
      left: () => {
        this.#viewers -= 1;
      },
    });
    return new Response(body, { headers: encoder.headers });
  }

  #encode(format: StreamFormat, encoder: FrameEncoder, frames: readonly Frame[]): Uint8Array {
    const [firstId = 0, lastId = 0] = [frames[0]?.id, frames.at(-1)?.id];
    const known = this.#newest.get(format);
    if (known?.firstId === firstId && known.lastId === lastId) return known.bytes;
    const bytes = this.#text.encode(frames.map((frame) => encoder.encode(frame)).join(""));
    // The first frame may tell its viewer what nobody else is told.
    if (firstId > FIRST_ID) this.#newest.set(format, { firstId, lastId, bytes });
    return bytes;
  }
}
