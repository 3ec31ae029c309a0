/** What a stream's object needs of the gateway: model calls behind their guards, and whom to tell of its end. */
import { messageOf } from "../core/result.ts";
import type { StreamState } from "../core/stream/model.ts";
import type { CallDeps } from "./admit-call.ts";
import type { IndexKeys } from "./start-gate.ts";

export interface StreamServices extends CallDeps {
  readonly ended: (countedBy: IndexKeys, id: string, state: StreamState) => Promise<void>;
}

/** Never rejects: a list that does not hear of it counts the stream as open until its time is over. */
export async function reportEnd(
  { ended, log }: StreamServices,
  countedBy: IndexKeys,
  id: string,
  state: StreamState,
): Promise<void> {
  if (countedBy.length === 0) return;
  try {
    await ended(countedBy, id, state);
  } catch (thrown) {
    log.warn("stream_end_unreported", { id, error: messageOf(thrown) });
  }
}
